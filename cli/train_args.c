#include "train_args.h"
#include "recipe_args.h"

#include <stdio.h>
#include <string.h>

enum {
    KEY_BATCH_NORM = 256,
    KEY_NO_BATCH_NORM,
    KEY_VALIDATION,
    KEY_SPLIT_SEED,
    KEY_LIMIT,
    KEY_LR,
    KEY_LR_DROP,
    KEY_LR_DECAY,
    KEY_LR_WARMUP,
    KEY_LR_SCHEDULE,
    KEY_LR_FINAL,
    KEY_OPTIMISER,
    KEY_NESTEROV,
    KEY_EMA,
    KEY_SMOOTHING,
    KEY_MIXUP,
    KEY_CUTOUT,
    KEY_FREEZE,
    KEY_EXITS,
    KEY_EXIT_AFTER,
    KEY_SPARSE,
    KEY_SPARSE_RAMP,
    KEY_QUANTIZE,
    KEY_TEACHER,
    KEY_TEACHER_WEIGHT,
    KEY_TEACHER_FEATURES,
    KEY_KD_RESPONSE,
    KEY_KD_TEMPERATURE,
    KEY_MOMENTUM,
    KEY_WEIGHT_DECAY,
    KEY_CLIP,
    KEY_NO_FLIP,
    KEY_SHIFT,
    KEY_ALPHA,
    KEY_BETA,
    KEY_KD_WARMUP,
    KEY_KD_EPSILON,
    KEY_KD_LOGITS,
    KEY_NO_KD_FEATURES,
    KEY_NO_DETACH,
    KEY_NO_WINOGRAD,
    KEY_SYNC_BN,
    KEY_AHEAD,
    KEY_RUNS,
    KEY_NAME,
    KEY_TEST,
    KEY_RESUME,
    KEY_QUIET,
    KEY_JSON,
    KEY_SEEDS,
    KEY_PAPER,
    KEY_SEARCH,
    KEY_SEARCH_MIN,
    KEY_SEARCH_ETA,
    KEY_SEARCH_PAIRS
};

static const struct argp_option option_table[] = {
    {0, 0, 0, 0, "What to train on what:", 1},
    {"recipe", 'r', "NAME|FILE", 0,
     "recipe (vgg16, mobilenetv1, resnet, densenet, sensor, or a JSON file), or an ONNX model to train on "
     "(default vgg16)",
     1},
    {"data", 'd', "SPEC", 0,
     "builtin:shapes10, cifar10:DIR, cifar100:DIR, folder:DIR, idx:DIR, npy:DIR or a folder (required)",
     1},
    {"output", 'o', "FILE", 0, "the trained family as ONNX (required)", 1},
    {"width", 'w', "FACTOR", 0, "multiplies every layer's width (recipes; default 1)", 1},
    {"input", 'i', "HxW", 0, "input size, which must be the data's (recipes; default: the data's)",
     1},
    CLI_RECIPE_OPTIONS(1),
    {"batch-norm", KEY_BATCH_NORM, 0, 0,
     "batch norm after every convolution (recipes; default: as the recipe says)", 1},
    {"no-batch-norm", KEY_NO_BATCH_NORM, 0, 0, "no batch norm (recipes)", 1},
    {"limit", KEY_LIMIT, "N", 0, "open at most so many training and test images (default all)", 1},
    {"validation", KEY_VALIDATION, "F", 0,
     "share of the training images kept for validation, up to 0.5 (default 0.1)", 1},
    {"split-seed", KEY_SPLIT_SEED, "N", 0, "seed of the validation split (default 1)", 1},
    {"exits", KEY_EXITS, "KIND", 0,
     "add early exits to a finished ONNX model (--recipe) of one module and train them alone: global, "
     "small, heads or linear; options of the training stand behind it",
     1},
    {"exit-after", KEY_EXIT_AFTER, "NODES", 0,
     "names of the nodes behind which there is an exit, with commas (default: every pooling layer)",
     1},
    {0, 0, 0, 0, "How:", 2},
    {"strategy", 's', "NAMES", 0,
     "baseline, l2s, s2l, unified or unified-kd (default unified-kd); several with commas, or all: a "
     "study, whose OUTPUT is a folder",
     2},
    {"seeds", KEY_SEEDS, "N", 0, "a study with so many seeds, from --seed on", 2},
    {"paper", KEY_PAPER, "DATA", 0,
     "print the paper's numbers for cifar10, cifar100 or tiny-imagenet beside a study's (default: "
     "what --data says)",
     2},
    {"epochs", 'e', "N", 0, "epochs of each stage; l2s and s2l have two (default 20)", 2},
    {"batch", 'b', "N", 0, "images in a step, of all processes together (default 128)", 2},
    {"optimiser", KEY_OPTIMISER, "NAME", 0, "sgd or adamw (default sgd)", 2},
    {"lr", KEY_LR, "RATE", 0,
     "learning rate (default: of SGD 0.05, with batch norm 0.02; of AdamW 0.001)", 2},
    {"lr-schedule", KEY_LR_SCHEDULE, "NAME", 0, "step, cosine or constant (default step)", 2},
    {"lr-final", KEY_LR_FINAL, "F", 0, "share of the rate where the cosine ends (default 0)", 2},
    {"lr-drop", KEY_LR_DROP, "F", 0, "share of the epochs after which the rate drops (default 0.4)",
     2},
    {"lr-decay", KEY_LR_DECAY, "FACTOR", 0, "by this factor (default 0.1)", 2},
    {"lr-warmup", KEY_LR_WARMUP, "EPOCHS", 0, "epochs over which the rate rises from 0 (default 1)",
     2},
    {"momentum", KEY_MOMENTUM, "M", 0, "momentum, AdamW's beta1 (default 0.9)", 2},
    {"nesterov", KEY_NESTEROV, 0, 0, "SGD with Nesterov's momentum", 2},
    {"ema", KEY_EMA, "D", 0,
     "validate and keep an average of the weights with this decay, e.g. 0.99 (default: no average)",
     2},
    {"label-smoothing", KEY_SMOOTHING, "S", 0,
     "share of the target spread over all classes (default 0)", 2},
    {"mixup", KEY_MIXUP, "A", 0, "mix pairs of images, shares from Beta(A, A) (default: no mixing)",
     2},
    {"freeze", KEY_FREEZE, "PATTERN", 0,
     "do not train parameters of these names, e.g. 'TM1.*'; may be given again", 2},
    {"sparse", KEY_SPARSE, "PATTERN=D|N:M[/B]", 0,
     "weights of these names keep the largest share D of each array after every step, e.g. 'TM1.*=0.2', or the N largest of "
     "every M in a row along the inputs, e.g. '*=2:4'; with /B, every B neighbouring output channels keep the same ones, e.g. "
     "'*=0.25/4', whose index and input are read once for all of them; may be given again",
     2},
    {"sparse-ramp", KEY_SPARSE_RAMP, "F", 0,
     "share of the epochs over which the density falls to that, fast at first and finely at the end; what is kept is at "
     "the density asked for (default: from the first step on)",
     2},
    {"quantize", KEY_QUANTIZE, "[PATTERN=]BITS", 0,
     "train the weights of these names (default: all) for integers of 2 to 8 bits, as `wick shrink --int8` will store them; may be given again",
     2},
    {"weight-decay", KEY_WEIGHT_DECAY, "W", 0,
     "of weights, not of biases and batch norm (default 0.0005)", 2},
    {"clip-norm", KEY_CLIP, "L", 0, "longest gradient, 0 = no limit (default 5)", 2},
    {"no-flip", KEY_NO_FLIP, 0, 0, "no left-right flips in augmentation", 2},
    {"shift", KEY_SHIFT, "PIXELS", 0,
     "largest shift in augmentation, as a random crop of the padded image (default 2)", 2},
    {"cutout", KEY_CUTOUT, "PIXELS", 0, "side of a square that is blanked (default: none)", 2},
    {"seed", 'S', "N", 0, "seed of weights, order and augmentation (default 1)", 2},
    {"threads", 'j', "N", 0, "threads (default all); other counts give other bits", 2},
    {"ahead", KEY_AHEAD, "N", 0,
     "batches that are prepared beside the training step (default 2; 0: none, the same bits)", 2},
    {"no-winograd", KEY_NO_WINOGRAD, 0, 0, "direct convolutions only", 2},
    {"sync-bn", KEY_SYNC_BN, 0, 0,
     "under mpirun: batch norm over the whole batch (default: over each process's part)", 2},
    {0, 0, 0, 0, "Weights of the losses and distillation:", 3},
    {"alpha", KEY_ALPHA, "A1,A2,..", 0,
     "weight of each module's cross-entropy, large to small; one number for all (default 1)", 3},
    {"beta", KEY_BETA, "B", 0,
     "weight of distillation; one number, or one for each pair of teacher and student: 1-2,1-3,..,"
     "2-3,.. (default 0.01)",
     3},
    {"kd-warmup", KEY_KD_WARMUP, "F", 0,
     "share of the epochs without distillation, rounded up but never the last (default 0.1)", 3},
    {"kd-epsilon", KEY_KD_EPSILON, "E", 0, "inside the roots of eq. 10 (default 1e-6)", 3},
    {"kd-logits", KEY_KD_LOGITS, 0, 0, "match logits (default: probabilities)", 3},
    {"kd-response", KEY_KD_RESPONSE, 0, 0,
     "match outputs by the divergence of softened probabilities (Hinton et al.) instead", 3},
    {"kd-temperature", KEY_KD_TEMPERATURE, "T", 0, "that softens them (default 4)", 3},
    {"teacher", KEY_TEACHER, "MODEL.onnx", 0,
     "a finished float model whose largest head also teaches every module, in any strategy", 3},
    {"teacher-weight", KEY_TEACHER_WEIGHT, "W", 0, "of its loss (default 1)", 3},
    {"teacher-features", KEY_TEACHER_FEATURES, 0, 0, "match its features as well", 3},
    {"no-kd-features", KEY_NO_KD_FEATURES, 0, 0, "match outputs only, not features", 3},
    {"no-detach", KEY_NO_DETACH, 0, 0, "let distillation change the teacher as well", 3},
    {0, 0, 0, 0, "Searching alpha and beta on the validation split first:", 4},
    {"search", KEY_SEARCH, "EPOCHS", 0,
     "epochs to spend on trials in all; the last of them train as long as --epochs", 4},
    {"search-min", KEY_SEARCH_MIN, "N", 0, "epochs of the first trials (default 2)", 4},
    {"search-eta", KEY_SEARCH_ETA, "N", 0,
     "one of so many goes on, with so many times the epochs (default 3)", 4},
    {"search-pairs", KEY_SEARCH_PAIRS, 0, 0, "a beta for each pair of teacher and student", 4},
    {0, 0, 0, 0, "Records:", 5},
    {"resume", KEY_RESUME, 0, 0,
     "go on from OUTPUT.state, bit-exactly, after Ctrl-C, a crash or a power cut", 5},
    {"runs", KEY_RUNS, "FILE", 0, "record the run in this SQLite file (see wick runs)", 5},
    {"name", KEY_NAME, "TEXT", 0, "name of the run (default: recipe and strategy)", 5},
    {"test", KEY_TEST, 0, 0,
     "look at the test set, once, at the end, and store the accuracies in the model", 5},
    {"quiet", KEY_QUIET, 0, 0, "no progress on stderr", 5},
    {"json", KEY_JSON, 0, 0, "results as JSON", 5},
    {0}};

static int parse_numbers(struct argp_state *state, const char *option, char *text,
                         double numbers[TRAIN_MAX_NUMBERS]) {
    int n = 0;
    char *rest = text, *item;
    while ((item = strsep(&rest, ",")) != NULL) {
        if (n == TRAIN_MAX_NUMBERS)
            argp_error(state, "--%s: more than %d numbers", option, TRAIN_MAX_NUMBERS);
        numbers[n++] = cli_number(state, option, item, 0, 1e6);
    }
    return n;
}

static void parse_input(struct argp_state *state, const char *text, wick_recipe_options *build) {
    int used = 0;
    if (sscanf(text, "%5dx%5d%n", &build->height, &build->width_px, &used) != 2 || text[used])
        argp_error(state, "--input: '%s' is not a size such as 32x32", text);
}

/* "all", or names with commas between them. */
static error_t parse_strategies(struct argp_state *state, char *text, train_arguments *a) {
    wick_diag diag = {0};
    char *rest = text, *name;
    a->n_strategies = 0;
    if (!strcmp(text, "all")) {
        for (int s = 0; s < WICK_STRATEGY_COUNT; s++)
            a->strategies[a->n_strategies++] = (wick_strategy)s;
        return 0;
    }
    while ((name = strsep(&rest, ",")) != NULL) {
        wick_strategy strategy;
        if (wick_strategy_find(name, &strategy, &diag) != WICK_OK)
            argp_error(state, "%s (%s)", diag.items[0].reason, diag.items[0].hint);
        for (int i = 0; i < a->n_strategies; i++)
            if (a->strategies[i] == strategy)
                argp_error(state, "--strategy: %s is named twice", name);
        a->strategies[a->n_strategies++] = strategy;
    }
    a->train.strategy = a->strategies[0];
    return 0;
}

/* Sets what training exits takes; options that stand behind it change that. */
static void parse_exits(struct argp_state *state, const char *text, train_arguments *a) {
    wick_diag diag = {0};
    if (wick_exits_find(text, &a->exits.kind, &diag) != WICK_OK)
        argp_error(state, "--exits: %s (%s)", diag.items[0].reason, diag.items[0].hint);
    a->adds_exits = true;
    wick_train_exits(&a->train, a->exits.kind);
}

/* Index of `text` among names that end with \0 each; a usage error otherwise. */
static int choice(struct argp_state *state, const char *option, const char *text,
                  const char *names) {
    int i = 0;
    for (const char *name = names; *name; name += strlen(name) + 1, i++)
        if (!strcmp(name, text))
            return i;
    char list[256] = "";
    for (const char *name = names; *name; name += strlen(name) + 1)
        snprintf(list + strlen(list), sizeof list - strlen(list), " %s", name);
    argp_error(state, "--%s: there is no '%s' (one of:%s)", option, text, list);
    return 0;
}

/* Options of the network and the data. */
static error_t parse_what(int key, char *text, struct argp_state *state) {
    train_arguments *a = state->input;
    if (cli_recipe_option(state, key, text, &a->build, &a->recipe_option))
        return 0;
    switch (key) {
    case 'r':
        a->recipe = text;
        return 0;
    case 'd':
        a->data = text;
        return 0;
    case KEY_EXITS:
        parse_exits(state, text, a);
        return 0;
    case KEY_EXIT_AFTER:
        a->exits.after = text;
        return 0;
    case 'o':
        a->output = text;
        return 0;
    case 'w':
        a->build.width = cli_number(state, "width", text, 0.001, 8);
        a->recipe_option = "--width";
        return 0;
    case 'i':
        parse_input(state, text, &a->build);
        a->input_given = true;
        a->recipe_option = "--input";
        return 0;
    case KEY_BATCH_NORM:
    case KEY_NO_BATCH_NORM:
        a->build.batch_norm = key == KEY_BATCH_NORM;
        a->recipe_option = key == KEY_BATCH_NORM ? "--batch-norm" : "--no-batch-norm";
        return 0;
    case KEY_LIMIT:
        a->data_options.limit = (int)cli_integer(state, "limit", text, 1, 0x7fffffff);
        return 0;
    case KEY_VALIDATION:
        a->data_options.validation = cli_number(state, "validation", text, 1e-6, 0.5);
        return 0;
    case KEY_SPLIT_SEED:
        a->data_options.seed = (uint64_t)cli_integer(state, "split-seed", text, 0, 0x7fffffff);
        return 0;
    case KEY_RUNS:
        a->runs = text;
        return 0;
    case KEY_NAME:
        a->name = text;
        return 0;
    case KEY_SEEDS:
        a->n_seeds = (int)cli_integer(state, "seeds", text, 1, WICK_STUDY_MAX_SEEDS);
        return 0;
    case KEY_PAPER:
        choice(state, "paper", text, "cifar10\0cifar100\0tiny-imagenet\0");
        a->published = text;
        return 0;
    case KEY_TEST:
        a->test = true;
        return 0;
    case KEY_JSON:
        a->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* "PATTERN=DENSITY" or "PATTERN=N:M", and "/BLOCK" behind it. */
static void add_sparse(wick_train_options *o, struct argp_state *state, char *text) {
    char *equals = strrchr(text, '='), *slash, *colon;
    wick_sparse_rule rule = {.pattern = text};
    if (!equals || equals == text)
        argp_error(state, "--sparse: '%s' is not PATTERN=DENSITY, e.g. 'TM1.*=0.2', or PATTERN=N:M",
                   text);
    if (o->n_sparse == WICK_MAX_SPARSE)
        argp_error(state, "--sparse: more than %d patterns", WICK_MAX_SPARSE);
    *equals++ = 0;
    if ((slash = strchr(equals, '/')) != NULL) {
        *slash++ = 0;
        rule.block = (int)cli_integer(state, "sparse", slash, 1, WICK_MAX_SPARSE_RUN);
    }
    if ((colon = strchr(equals, ':')) != NULL) {
        *colon++ = 0;
        rule.m = (int)cli_integer(state, "sparse", colon, 1, WICK_MAX_SPARSE_RUN);
        rule.n = (int)cli_integer(state, "sparse", equals, 1, rule.m);
    } else {
        rule.density = cli_number(state, "sparse", equals, 1e-9, 1);
    }
    o->sparse[o->n_sparse++] = rule;
}

/* "PATTERN=BITS" or "BITS". */
static void add_bits(wick_train_options *o, struct argp_state *state, char *text) {
    char *equals = strrchr(text, '=');
    if (equals == text)
        argp_error(state, "--quantize: '%s' is not PATTERN=BITS, e.g. 'TM1.*=4'", text);
    if (o->n_bits == WICK_MAX_SPARSE)
        argp_error(state, "--quantize: more than %d patterns", WICK_MAX_SPARSE);
    int bits = (int)cli_integer(state, "quantize", equals ? equals + 1 : text, 2, 8);
    if (equals)
        *equals = 0;
    o->bits[o->n_bits++] = (wick_bits_rule){equals ? text : "*", bits};
}

/* Options of the optimiser and of the training as a whole. */
static error_t parse_how(int key, char *text, struct argp_state *state) {
    train_arguments *a = state->input;
    wick_train_options *o = &a->train;
    switch (key) {
    case 's':
        return parse_strategies(state, text, a);
    case 'e':
        o->epochs = (int)cli_integer(state, "epochs", text, 1, 100000);
        return 0;
    case 'b':
        o->batch = (int)cli_integer(state, "batch", text, 1, 65536);
        return 0;
    case KEY_LR:
        o->learning_rate = cli_number(state, "lr", text, 1e-12, 1e6);
        return 0;
    case KEY_LR_DROP:
        o->lr_drop = cli_number(state, "lr-drop", text, 0, 1);
        return 0;
    case KEY_LR_DECAY:
        o->lr_decay = cli_number(state, "lr-decay", text, 1e-12, 1);
        return 0;
    case KEY_LR_WARMUP:
        o->lr_warmup = cli_number(state, "lr-warmup", text, 0, 100000);
        return 0;
    case KEY_MOMENTUM:
        o->momentum = cli_number(state, "momentum", text, 0, 0.999999);
        return 0;
    case KEY_WEIGHT_DECAY:
        o->weight_decay = cli_number(state, "weight-decay", text, 0, 1e6);
        return 0;
    case KEY_EMA:
        o->ema = cli_number(state, "ema", text, 0, 0.9999999);
        return 0;
    case KEY_SMOOTHING:
        o->label_smoothing = cli_number(state, "label-smoothing", text, 0, 0.999999);
        return 0;
    case KEY_MIXUP:
        o->mixup = cli_number(state, "mixup", text, 0, 100);
        return 0;
    case KEY_CUTOUT:
        o->augment.cutout = (int)cli_integer(state, "cutout", text, 0, 1024);
        return 0;
    case KEY_NESTEROV:
        o->nesterov = true;
        return 0;
    case KEY_FREEZE:
        if (o->n_freeze == WICK_MAX_FREEZE)
            argp_error(state, "--freeze: more than %d patterns", WICK_MAX_FREEZE);
        o->freeze[o->n_freeze++] = text;
        return 0;
    case KEY_SPARSE:
        add_sparse(o, state, text);
        return 0;
    case KEY_SPARSE_RAMP:
        o->sparse_ramp = cli_number(state, "sparse-ramp", text, 0, 0.999999);
        return 0;
    case KEY_QUANTIZE:
        add_bits(o, state, text);
        return 0;
    case KEY_OPTIMISER:
        o->optimiser = (wick_optimiser)choice(state, "optimiser", text, "sgd\0adamw\0");
        return 0;
    case KEY_LR_SCHEDULE:
        o->lr_schedule =
            (wick_lr_schedule)choice(state, "lr-schedule", text, "step\0cosine\0constant\0");
        return 0;
    case KEY_LR_FINAL:
        o->lr_final = cli_number(state, "lr-final", text, 0, 1);
        return 0;
    case KEY_CLIP:
        o->clip_norm = cli_number(state, "clip-norm", text, 0, 1e6);
        return 0;
    case KEY_NO_FLIP:
        o->augment.flip = false;
        return 0;
    case KEY_SHIFT:
        o->augment.shift = (int)cli_integer(state, "shift", text, 0, 64);
        return 0;
    case 'S':
        o->seed = a->build.seed = (uint64_t)cli_integer(state, "seed", text, 0, 0x7fffffff);
        return 0;
    case 'j':
        o->threads = (int)cli_integer(state, "threads", text, 1, 1024);
        return 0;
    case KEY_NO_WINOGRAD:
        o->winograd = false;
        return 0;
    case KEY_AHEAD:
        o->ahead = (int)cli_integer(state, "ahead", text, 0, 64);
        return 0;
    case KEY_SYNC_BN:
        o->sync_bn = true;
        return 0;
    case KEY_RESUME:
        o->resume = true;
        return 0;
    case KEY_QUIET:
        o->quiet = true;
        return 0;
    default:
        return parse_what(key, text, state);
    }
}

static bool distils(const train_arguments *a) {
    bool any = a->n_strategies == 0 && a->train.strategy == WICK_STRATEGY_UNIFIED_KD;
    for (int i = 0; i < a->n_strategies; i++)
        any = any || a->strategies[i] == WICK_STRATEGY_UNIFIED_KD;
    return any;
}

/* What would be given for nothing is refused: its author expects something else. */
static void check_together(struct argp_state *state, const train_arguments *a) {
    const wick_train_options *o = &a->train;
    const wick_train_options unset = wick_train_defaults();
    const wick_search_options none = wick_search_defaults();
    bool pairs = distils(a) || a->adds_exits; /* --exits makes its own settings of the rest */
    const struct {
        bool useless;
        const char *option, *without;
    } rules[] = {
        {o->nesterov && o->optimiser != WICK_OPTIMISER_SGD, "nesterov", "--optimiser sgd"},
        {o->lr_final != unset.lr_final && o->lr_schedule != WICK_LR_COSINE, "lr-final",
         "--lr-schedule cosine"},
        {o->lr_drop != unset.lr_drop && o->lr_schedule != WICK_LR_STEP, "lr-drop",
         "--lr-schedule step"},
        {o->lr_decay != unset.lr_decay && o->lr_schedule != WICK_LR_STEP, "lr-decay",
         "--lr-schedule step"},
        {o->sparse_ramp > 0 && !o->n_sparse, "sparse-ramp", "--sparse"},
        {o->kd_temperature != unset.kd_temperature && !o->kd_response, "kd-temperature",
         "--kd-response"},
        {a->n_beta && !distils(a), "beta", "--strategy unified-kd"},
        {o->kd_warmup != unset.kd_warmup && !pairs, "kd-warmup", "--strategy unified-kd"},
        {o->kd_features != unset.kd_features && !pairs, "no-kd-features", "--strategy unified-kd"},
        {o->kd_detach != unset.kd_detach && !pairs, "no-detach", "--strategy unified-kd"},
        {(o->kd_logits || o->kd_response || o->kd_epsilon != unset.kd_epsilon) && !pairs &&
             !a->teacher,
         "kd-logits, --kd-response or --kd-epsilon", "--strategy unified-kd or --teacher"},
        {o->teacher_features && !a->teacher, "teacher-features", "--teacher"},
        {o->teacher_weight != unset.teacher_weight && !a->teacher, "teacher-weight", "--teacher"},
        {a->published && !train_is_study(a), "paper", "several strategies or --seeds"},
        {(a->search.beta_by_pair || a->search.min_epochs != none.min_epochs ||
          a->search.eta != none.eta) &&
             !a->search.budget_epochs,
         "search-pairs, --search-min or --search-eta", "--search"},
    };
    for (size_t i = 0; i < WICK_LEN(rules); i++)
        if (rules[i].useless)
            argp_error(state, "--%s does nothing without %s", rules[i].option, rules[i].without);
}

static error_t parse(int key, char *text, struct argp_state *state) {
    train_arguments *a = state->input;
    wick_train_options *o = &a->train;
    switch (key) {
    case KEY_ALPHA:
        a->n_alpha = parse_numbers(state, "alpha", text, a->alpha);
        return 0;
    case KEY_BETA:
        a->n_beta = parse_numbers(state, "beta", text, a->beta);
        return 0;
    case KEY_KD_WARMUP:
        o->kd_warmup = cli_number(state, "kd-warmup", text, 0, 1);
        return 0;
    case KEY_KD_EPSILON:
        o->kd_epsilon = cli_number(state, "kd-epsilon", text, 1e-12, 1e6);
        return 0;
    case KEY_KD_LOGITS:
        o->kd_logits = true;
        return 0;
    case KEY_NO_KD_FEATURES:
        o->kd_features = false;
        return 0;
    case KEY_NO_DETACH:
        o->kd_detach = false;
        return 0;
    case KEY_KD_RESPONSE:
        o->kd_response = true;
        return 0;
    case KEY_KD_TEMPERATURE:
        o->kd_temperature = cli_number(state, "kd-temperature", text, 1e-6, 1000);
        return 0;
    case KEY_TEACHER:
        a->teacher = text;
        return 0;
    case KEY_TEACHER_WEIGHT:
        o->teacher_weight = cli_number(state, "teacher-weight", text, 0, 1e6);
        return 0;
    case KEY_TEACHER_FEATURES:
        o->teacher_features = true;
        return 0;
    case KEY_SEARCH:
        a->search.budget_epochs = (int)cli_integer(state, "search", text, 2, 1000000);
        return 0;
    case KEY_SEARCH_MIN:
        a->search.min_epochs = (int)cli_integer(state, "search-min", text, 1, 100000);
        return 0;
    case KEY_SEARCH_ETA:
        a->search.eta = (int)cli_integer(state, "search-eta", text, 2, 16);
        return 0;
    case KEY_SEARCH_PAIRS:
        a->search.beta_by_pair = true;
        return 0;
    case ARGP_KEY_END:
        if (a->search.budget_epochs && train_is_study(a))
            argp_error(state, "--search is for one strategy and one seed");
        if (a->adds_exits && train_is_study(a))
            argp_error(state, "--exits is for one seed");
        if (a->exits.after && !a->adds_exits)
            argp_error(state, "--exit-after needs --exits");
        if (!a->data)
            argp_error(state, "--data is required, e.g. --data builtin:shapes10");
        if (!a->output)
            argp_error(state, "--output is required, e.g. -o family.onnx");
        check_together(state, a);
        return 0;
    default:
        return parse_how(key, text, state);
    }
}

static const struct argp argp = {
    option_table,
    parse,
    "",
    "Trains a family of modules, large to small, on one shared feature extractor (or, as the baseline, each "
    "with its own) and keeps the weights that were best on the validation split. Strategies and "
    "losses are those of REIN (Gaire, Tabrizchi, Roohi); every loss is a mean over the batch."
    "\vExample: wick train --recipe vgg16 --width 0.25 --data builtin:shapes10 -o family.onnx\n"
    "         wick train -r mobilenetv1 -w 0.5 -d cifar10:DIR -e 40 --runs runs.db --test -o m.onnx\n"
    "         wick train -r vgg16 -w 0.25 -d cifar10:DIR -s all --seeds 3 --test -o study/\n"
    "         wick train -d cifar10:DIR -e 20 --search 200 -o m.onnx\n"
    "         wick train -r network.onnx --exits small -d cifar10:DIR -e 20 -o exits.onnx\n"
    "The state after each epoch is in OUTPUT.state until the family is written. The last batch of an "
    "epoch is filled up with the epoch's first images.\n"
    "Exit status: 0 done, 2 usage, 3 bad input or output, 4 failure or interrupted.",
    0,
    0,
    0};

bool train_is_study(const train_arguments *a) {
    return a->n_strategies > 1 || a->n_seeds > 0;
}

bool train_parse(int argc, char **argv, train_arguments *a, int *exit_status) {
    return cli_parse(&argp, argc, argv, a, exit_status);
}
