#include "shrink_goal_args.h"

enum {
    KEY_DEVICE = 1024,
    KEY_FLASH,
    KEY_RAM,
    KEY_NVM,
    KEY_ENERGY,
    KEY_SPAN,
    KEY_MAX_DROP,
    KEY_CAPACITOR,
    KEY_MARGIN,
    KEY_EPOCHS,
    KEY_TRIALS,
    KEY_FRAGILE,
    KEY_BATCH,
    KEY_RATE,
    KEY_MIXUP,
    KEY_TRAIN_SEED,
    KEY_KEEP_BEST,
    KEY_SMALLEST,
    KEY_QUIET
};

static const struct argp_option option_table[] = {
    {0, 0, 0, 0, "To budgets:", 10},
    {"device", KEY_DEVICE, "NAME", 0,
     "choose and combine the means above, with sparse and 4-bit weights, until the network's plan for this "
     "device (a profile or a JSON file) holds the budgets; trains. With --channel-score energy or outputs: what "
     "channels are weighed on",
     10},
    {"flash", KEY_FLASH, "SIZE", 0, "budget of flash, such as 64K (default: what the device has)",
     10},
    {"ram", KEY_RAM, "SIZE", 0, "budget of SRAM", 10},
    {"nvm", KEY_NVM, "SIZE", 0, "budget of NVM", 10},
    {"energy", KEY_ENERGY, "ENERGY", 0,
     "budget of one answer by any module, such as 2mJ; modelled, without boots (default: none)",
     10},
    {"span", KEY_SPAN, "ENERGY", 0,
     "budget of the worst span, with its boot and commit (default: what a charge carries)", 10},
    {"max-drop", KEY_MAX_DROP, "POINTS", 0,
     "what the int8 network may lose against the float one on the validation images (default: anything)",
     10},
    {"capacitor", KEY_CAPACITOR, "UF", 0, "as of wick plan", 10},
    {"margin", KEY_MARGIN, "SHARE", 0, "as of wick plan", 10},
    {"epochs", KEY_EPOCHS, "N", 0, "of the long training (default 20)", 10},
    {"trials", KEY_TRIALS, "N", 0,
     "combinations that are tried for a fifth of the epochs, 1 to 8 (default 3)", 10},
    {"fragile", KEY_FRAGILE, "POINTS", 0,
     "layers whose zeros alone cost so many points of validation accuracy, before training, stay denser and the "
     "others pay; for at most 256 arrays of weights (default: none)",
     10},
    {"batch", KEY_BATCH, "N", 0, "images in a batch (default 128)", 10},
    {"lr", KEY_RATE, "R", 0, "learning rate at the start of a cosine (default 0.02)", 10},
    {"mixup", KEY_MIXUP, "A", 0,
     "mix pairs of training images, as of wick train (default: no mixing)", 10},
    {"train-seed", KEY_TRAIN_SEED, "N", 0, "seed of the trainings (default 1)", 10},
    {"keep-best", KEY_KEEP_BEST, 0, 0,
     "train and write the nearest network even where a budget cannot be met (exit status 1 all the same)",
     10},
    {"smallest", KEY_SMALLEST, 0, 0,
     "with --max-drop: once the budgets hold, go on with a quarter less of constants each time while they do",
     10},
    {"quiet", KEY_QUIET, 0, 0, "no progress", 10},
    {0}};

cli_goal cli_goal_defaults(void) {
    return (cli_goal){.options = wick_goal_defaults()};
}

static double parse_bytes(struct argp_state *state, const char *option, const char *text) {
    int64_t bytes = 0;
    if (!wick_parse_bytes(text, &bytes))
        argp_error(state, "--%s: '%s' is no size, such as 64K or 9782", option, text);
    return (double)bytes;
}

static double parse_energy(struct argp_state *state, const char *option, const char *text) {
    double uj = 0;
    if (!wick_parse_energy_uj(text, &uj))
        argp_error(state, "--%s: '%s' is no energy with its unit, such as 2mJ or 350uJ", option,
                   text);
    return uj;
}

static const char *name_of(int key) {
    for (const struct argp_option *o = option_table; o->doc || o->name; o++)
        if (o->key == key)
            return o->name;
    return "";
}

static bool parse_budget(int key, const char *text, struct argp_state *state, double limit[]) {
    switch (key) {
    case KEY_FLASH:
        limit[WICK_BUDGET_FLASH] = parse_bytes(state, "flash", text);
        return true;
    case KEY_RAM:
        limit[WICK_BUDGET_RAM] = parse_bytes(state, "ram", text);
        return true;
    case KEY_NVM:
        limit[WICK_BUDGET_NVM] = parse_bytes(state, "nvm", text);
        return true;
    case KEY_ENERGY:
        limit[WICK_BUDGET_ENERGY] = parse_energy(state, "energy", text);
        return true;
    case KEY_SPAN:
        limit[WICK_BUDGET_SPAN] = parse_energy(state, "span", text);
        return true;
    case KEY_MAX_DROP:
        limit[WICK_BUDGET_DROP] = cli_number(state, "max-drop", text, 0, 100);
        return true;
    default:
        return false;
    }
}

static error_t parse(int key, char *text, struct argp_state *state) {
    cli_goal *g = state->input;
    wick_goal_options *o = &g->options;
    if (parse_budget(key, text, state, o->budgets.limit)) {
        g->other = name_of(key);
        return 0;
    }
    switch (key) {
    case KEY_DEVICE:
        g->device = text;
        return 0;
    case KEY_CAPACITOR:
        o->plan.capacitor_uf = cli_number(state, "capacitor", text, 1e-6, 1e9);
        g->plans = "capacitor";
        return 0;
    case KEY_MARGIN:
        o->plan.margin = cli_number(state, "margin", text, 0.01, 1);
        g->plans = "margin";
        return 0;
    case KEY_EPOCHS:
        o->train.epochs = (int)cli_integer(state, "epochs", text, 1, 100000);
        break;
    case KEY_TRIALS:
        o->trials = (int)cli_integer(state, "trials", text, 1, WICK_GOAL_MAX_TRIALS);
        break;
    case KEY_FRAGILE:
        o->fragile_points = cli_number(state, "fragile", text, 0, 100);
        break;
    case KEY_BATCH:
        o->train.batch = (int)cli_integer(state, "batch", text, 1, 65536);
        break;
    case KEY_RATE:
        o->train.learning_rate = cli_number(state, "lr", text, 1e-9, 1e6);
        break;
    case KEY_MIXUP:
        o->train.mixup = cli_number(state, "mixup", text, 0, 100);
        break;
    case KEY_TRAIN_SEED:
        o->train.seed = (uint64_t)cli_integer(state, "train-seed", text, 0, 0x7fffffff);
        break;
    case KEY_KEEP_BEST:
        o->keep_best = true;
        break;
    case KEY_SMALLEST:
        o->smallest = true;
        break;
    case KEY_QUIET:
        o->train.quiet = true;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    g->other = name_of(key);
    return 0;
}

const struct argp cli_goal_argp = {option_table, parse, 0, 0, 0, 0, 0};
