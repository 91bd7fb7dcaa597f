/* Blocks in a log on flash (wick/flash.h): whatever operation the power fails in and whatever that
   leaves, every block is old or new, nothing is programmed twice, and pages take turns. */
#include "flash_emulation.h"
#include "helper_model.h"
#include "helper_reference.h"

#include <wick/flash.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { PAGE = 512, UNIT = 16, BLOCK = 128, MOST_BLOCKS = 24, MOST_PAGES = 64 };

typedef struct store {
    flash_emulation flash;
    wick_port bare, port;
    wick_flash log;
    wick_flash_shape shape;
    uint16_t where[MOST_BLOCKS];
    wick_flash_page pages[MOST_PAGES];
    uint64_t calls, fail_at; /* of programs and erasures; 0 = none fails */
} store;

static store s; /* static: automatic variables would not survive longjmp */

static int fails(void) {
    return ++s.calls == s.fail_at;
}

static int bare_program(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    if (fails()) { /* half of it is done */
        flash_emulation_program(ctx, offset, src, bytes / 2 / UNIT * UNIT);
        return -1;
    }
    return flash_emulation_program(ctx, offset, src, bytes);
}

static int bare_erase(void *ctx, uint32_t offset) {
    return fails() ? -1 : flash_emulation_erase(ctx, offset);
}

static void mount(void) {
    memset(&s.log, 0xA5, sizeof s.log);
    memset(s.where, 0xA5, sizeof s.where);
    memset(s.pages, 0xA5, sizeof s.pages);
    assert_int_equal(
        wick_flash_make(&s.log, &s.bare, bare_erase, &s.shape, s.where, s.pages, &s.port),
        WICK_RT_OK);
}

static void prepare(uint32_t pages, uint32_t blocks, uint32_t spare) {
    flash_free(&s.flash);
    memset(&s, 0, sizeof s);
    assert_int_equal(flash_make(&s.flash, pages * PAGE, PAGE, UNIT, 3), 0);
    s.bare = (wick_port){.ctx = &s.flash,
                         .nvm_read = flash_emulation_read,
                         .nvm_write = bare_program,
                         .nvm_barrier = flash_emulation_barrier};
    s.shape = (wick_flash_shape){PAGE, pages, UNIT, BLOCK, blocks, spare};
    mount();
}

/* ---- the log alone ---- */

typedef struct script {
    uint8_t committed[MOST_BLOCKS][BLOCK], latest[MOST_BLOCKS][BLOCK];
    int in_flight[MOST_BLOCKS]; /* written since the barrier before the power failed */
    uint64_t random;
    int boots;
    uint32_t bytes; /* of entries */
} script;

static script run;

/* Writes of one to all bytes of blocks, some blocks seldom, a barrier behind each few. */
static void write_some(int writes) {
    for (int i = 0; i < writes; i++) {
        uint32_t n = s.shape.blocks, block = random_u32(&run.random) % n;
        if (block >= n / 2 && random_u32(&run.random) % 8)
            block -= n / 2;
        uint32_t bytes = 1 + random_u32(&run.random) % BLOCK;
        uint8_t data[BLOCK];
        memset(data, 0xFF, sizeof data);
        for (uint32_t b = 0; b < bytes; b++)
            data[b] = (uint8_t)random_u32(&run.random);
        run.in_flight[block] = 1;
        run.bytes += wick_flash_entry_bytes(bytes, UNIT);
        memcpy(run.latest[block], data, BLOCK);
        assert_int_equal(s.port.nvm_write(s.port.ctx, block * BLOCK, data, bytes), 0);
        if (random_u32(&run.random) % 4 == 0) {
            assert_int_equal(s.port.nvm_barrier(s.port.ctx), 0);
            memcpy(run.committed, run.latest, sizeof run.latest);
            memset(run.in_flight, 0, sizeof run.in_flight);
        }
    }
}

/* What was not in flight is as it was; what was, is whole: one of the values that it was given. */
static void check_blocks(int weak, int *survived) {
    for (uint32_t b = 0; b < s.shape.blocks; b++) {
        uint8_t data[BLOCK];
        int status = s.port.nvm_read(s.port.ctx, b * BLOCK, data, BLOCK);
        int old = status == 0 && !memcmp(data, run.committed[b], BLOCK);
        int new = status == 0 && !memcmp(data, run.latest[b], BLOCK);
        if (run.in_flight[b] && (weak || new))
            *survived += new;
        else if (!old && !run.in_flight[b])
            fail_msg("block %u is lost after boot %d", b, run.boots);
        else if (!run.in_flight[b])
            continue;
        /* The application writes it again, as the engine repeats a span. */
        assert_int_equal(s.port.nvm_write(s.port.ctx, b * BLOCK, run.committed[b], BLOCK), 0);
    }
    assert_int_equal(s.port.nvm_barrier(s.port.ctx), 0);
    memcpy(run.latest, run.committed, sizeof run.latest);
    memset(run.in_flight, 0, sizeof run.in_flight);
}

static void begin_script(uint64_t seed) {
    memset(&run, 0xFF, sizeof run);
    memset(run.in_flight, 0, sizeof run.in_flight);
    run.random = seed;
    run.boots = 0;
}

/* Lives of many boots, each ended in one of its first operations or later; pages turn around. */
static void lives(uint32_t pages, uint32_t blocks, uint32_t spare, flash_variant variant) {
    static int survived;
    static uint64_t chance;
    prepare(pages, blocks, spare);
    begin_script(variant + 1u);
    chance = variant + 100u;
    survived = 0;
    for (run.boots = 0; run.boots < 600; run.boots++) {
        s.flash.variant = variant;
        s.flash.seed = chance;
        s.flash.cut_at = s.flash.ops + 1 + random_u32(&chance) % (run.boots % 3 ? 60 : 400);
        if (setjmp(s.flash.power_off) == 0) {
            write_some(1000);
            fail_msg("the power never failed");
        }
        s.flash.cut_at = 0;
        mount();
        check_blocks(variant == FLASH_WEAK || variant == FLASH_LOST, &survived);
        assert_int_equal(s.flash.violations, 0);
    }
    assert_true(variant == FLASH_WEAK || survived > 0);
}

static void blocks_survive_every_variant(void **state) {
    (void)state;
    for (int v = 0; v < FLASH_VARIANTS; v++) {
        lives(12, 8, 128, (flash_variant)v);
        lives(30, 24, 208, (flash_variant)v); /* entries have to be moved */
    }
}

/* Every single operation of one life that turns the pages around several times, in every variant,
   and the next boot's first operations too. */
static void every_operation_is_cut(void **state) {
    (void)state;
    static uint64_t cut, all;
    static int variant, second, survived;
    prepare(8, 6, 128);
    begin_script(7);
    write_some(160);
    all = s.flash.ops;
    assert_true(s.log.opened > 20 && s.log.moved > 0);
    for (cut = 1; cut <= all; cut++)
        for (variant = 0; variant < FLASH_VARIANTS; variant++) {
            prepare(8, 6, 128);
            begin_script(7);
            s.flash.variant = (flash_variant)variant;
            s.flash.seed = cut;
            s.flash.cut_at = cut;
            second = 0;
            if (setjmp(s.flash.power_off) == 0)
                write_some(160);
            else if (second++ == 0)
                s.flash.cut_at = s.flash.ops + 1 + cut % 24;
            else
                s.flash.cut_at = 0;
            run.boots = (int)cut;
            mount();
            check_blocks(variant == FLASH_WEAK || variant == FLASH_LOST, &survived);
            s.flash.cut_at = 0;
            mount();
            check_blocks(0, &survived);
            assert_int_equal(s.flash.violations, 0);
        }
}

/* A port that reports errors: what was written before stays, what comes after works. */
static void failing_calls_lose_nothing(void **state) {
    (void)state;
    static uint64_t fail;
    for (fail = 1; fail < 400; fail++) {
        prepare(8, 6, 128);
        begin_script(fail);
        write_some(40);
        s.calls = 0;
        s.fail_at = fail;
        for (uint32_t i = 0; i < 60; i++) {
            uint32_t block = i % s.shape.blocks;
            uint8_t data[BLOCK];
            memset(data, (int)i, sizeof data);
            int status = s.port.nvm_write(s.port.ctx, block * BLOCK, data, BLOCK);
            if (status == 0)
                memcpy(run.latest[block], data, BLOCK);
            else
                assert_int_equal(
                    s.port.nvm_write(s.port.ctx, block * BLOCK, run.latest[block], BLOCK), 0);
        }
        for (int boots = 0; boots < 2; boots++) {
            for (uint32_t b = 0; b < s.shape.blocks; b++) {
                uint8_t data[BLOCK];
                assert_int_equal(s.port.nvm_read(s.port.ctx, b * BLOCK, data, BLOCK), 0);
                assert_memory_equal(data, run.latest[b], BLOCK);
            }
            mount();
        }
        assert_int_equal(s.flash.violations, 0);
    }
}

/* Between two erasures of a page lie so many of others: pages less those that may hold more than
   spare_bytes of newest entries, and the two at work. */
static void pages_take_turns(void **state) {
    (void)state;
    const uint32_t pages = 30, blocks = 24, spare = 208;
    prepare(pages, blocks, spare);
    begin_script(11);
    /* What a boot opens is paid for by its own page and the shares of its writes (the cost model's
       wick_device_flash_write). */
    uint32_t used = PAGE - wick_flash_head_bytes(blocks, UNIT) - spare -
                    wick_flash_entry_bytes(BLOCK, UNIT) + UNIT;
    run.bytes = 0;
    for (int i = 0; i < 400; i++) {
        write_some(20);
        assert_true(s.log.opened <= 1 + run.bytes / used);
        if (i % 3 == 0) {
            mount();
            run.bytes = 0;
        }
    }
    uint32_t most = 0, all = 0, live = blocks * wick_flash_entry_bytes(BLOCK, UNIT);
    for (uint32_t p = 0; p < pages; p++) {
        all += s.flash.erasures[p];
        most = s.flash.erasures[p] > most ? s.flash.erasures[p] : most;
    }
    assert_true(all > 600);
    assert_true(most <= all / (pages - 2 - live / spare) + 1);
}

/* Heads that decay: the state of an earlier page, or an error, but never a mixture. */
static void decayed_heads(void **state) {
    (void)state;
    enum { HEADS = 6 };
    static uint8_t before[HEADS + 1][MOST_BLOCKS][BLOCK]; /* before each of the last openings */
    int errors = 0;
    prepare(8, 6, 128);
    begin_script(21);
    for (int i = 0; i < 600; i++) {
        uint32_t opened = s.log.opened;
        static uint8_t last[MOST_BLOCKS][BLOCK];
        memcpy(last, run.latest, sizeof last);
        write_some(1);
        if (s.log.opened == opened)
            continue;
        memmove(before + 1, before, sizeof before[0] * HEADS);
        memcpy(before, last, sizeof last);
        if (i < 100)
            continue;
        static flash_emulation whole;
        static uint8_t image[8 * PAGE];
        whole = s.flash;
        memcpy(image, s.flash.image, sizeof image);
        for (uint32_t heads = 1; heads <= HEADS; heads++) {
            for (uint32_t p = 0; p < 8; p++)
                if (s.log.pages[p].sequence + 1u == s.log.sequence + 2u - heads)
                    s.flash.image[p * PAGE + 4] ^= 1;
            wick_flash log;
            uint16_t where[MOST_BLOCKS];
            wick_flash_page pages[MOST_PAGES];
            wick_port port;
            assert_int_equal(
                wick_flash_make(&log, &s.bare, bare_erase, &s.shape, where, pages, &port),
                WICK_RT_OK);
            for (uint32_t b = 0; b < s.shape.blocks; b++) {
                uint8_t data[BLOCK];
                int status = port.nvm_read(port.ctx, b * BLOCK, data, BLOCK);
                errors += status != 0;
                assert_true(status != 0 || !memcmp(data, before[heads - 1][b], BLOCK));
                assert_true(status == 0 || heads > 1);
            }
        }
        s.flash = whole;
        memcpy(s.flash.image, image, sizeof image);
    }
    assert_true(errors > 10);
}

/* A page whose opening was cut may claim any number, the newest page's too: it hides nothing. */
static void torn_heads_hide_nothing(void **state) {
    (void)state;
    int before = 0;
    prepare(8, 6, 128);
    begin_script(22);
    for (int i = 0; i < 300; i++) {
        write_some(1);
        for (uint32_t p = 0; p < 8; p++) {
            int used = p == s.log.head || s.log.head == 8;
            for (uint32_t b = 0; b < s.shape.blocks; b++)
                used |= s.where[b] != 0 && s.where[b] * UNIT / PAGE == p;
            if (used)
                continue;
            uint8_t *head = s.flash.image + p * PAGE, kept[4];
            memcpy(kept, head, sizeof kept);
            memcpy(head, s.flash.image + s.log.head * PAGE, sizeof kept);
            wick_flash log;
            uint16_t where[MOST_BLOCKS];
            wick_flash_page pages[MOST_PAGES];
            wick_port port;
            assert_int_equal(
                wick_flash_make(&log, &s.bare, bare_erase, &s.shape, where, pages, &port),
                WICK_RT_OK);
            assert_memory_equal(where, s.where, s.shape.blocks * sizeof *where);
            memcpy(head, kept, sizeof kept);
            before += p < s.log.head;
        }
    }
    assert_true(before > 100);
}

static void shapes_that_cannot_be(void **state) {
    (void)state;
    const wick_flash_shape good = {PAGE, 8, UNIT, BLOCK, 6, 128};
    wick_flash_shape bad[10];
    for (int i = 0; i < 10; i++)
        bad[i] = good;
    bad[0].page_bytes = 500;
    bad[1].pages = 3;
    bad[2].unit_bytes = 4;
    bad[3].unit_bytes = 64;
    bad[4].block_bytes = 100;
    bad[5].block_bytes = PAGE;
    bad[6].blocks = 0;
    bad[7].blocks = 200;
    bad[8].spare_bytes = PAGE;
    bad[9].pages = 40000;
    prepare(8, 6, 128);
    for (int i = 0; i < 10; i++)
        assert_int_equal(
            wick_flash_make(&s.log, &s.bare, bare_erase, &bad[i], s.where, s.pages, &s.port),
            WICK_RT_ARGUMENT);
    mount();
    uint8_t byte = 1;
    assert_int_not_equal(s.port.nvm_write(s.port.ctx, 1, &byte, 1), 0);
    assert_int_not_equal(s.port.nvm_write(s.port.ctx, 6 * BLOCK, &byte, 1), 0);
    assert_int_not_equal(s.port.nvm_read(s.port.ctx, 6 * BLOCK, &byte, 1), 0);
}

static uint32_t read_end; /* behind the last byte that was read */

static int bare_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    read_end = offset + bytes > read_end ? offset + bytes : read_end;
    return flash_emulation_read(ctx, offset, dst, bytes);
}

/* Firmware of another plan has left a log with intact heads and entries. Whatever this one takes
   over, it stays within its own pages. */
static void logs_of_other_shapes(void **state) {
    (void)state;
    prepare(16, 6, 128);
    begin_script(5);
    for (int i = 0; i < 300; i++) {
        write_some(1);
        for (uint32_t pages = 5; pages < 16; pages += 2)
            for (uint32_t page = PAGE / 2; page <= PAGE; page *= 2) {
                const wick_flash_shape small = {page, pages, UNIT, BLOCK, 6, 64};
                uint8_t block[BLOCK];
                uint16_t where[6];
                wick_flash_page heads[16];
                wick_flash log;
                wick_port bare = s.bare, port;
                bare.nvm_read = bare_read;
                read_end = 0;
                assert_int_equal(
                    wick_flash_make(&log, &bare, bare_erase, &small, where, heads, &port),
                    WICK_RT_OK);
                for (uint32_t b = 0; b < 6; b++) {
                    assert_true((uint32_t)where[b] * UNIT < pages * page);
                    (void)!port.nvm_read(&log, b * BLOCK, block, BLOCK);
                }
                assert_true(read_end <= pages * page);
            }
    }
}

/* ---- the engine on it ---- */

static struct {
    tiny_model tiny;
    wick_engine engine;
    wick_policy policy;
    uint8_t app[TINY_APP];
    _Alignas(16) int8_t scratch[TINY_SCRATCH];
    int8_t expected[TINY_CLASSES];
    int results, wrong;
} e;

static int on_result(void *ctx, const wick_result *result) {
    (void)ctx;
    e.results++;
    e.wrong += memcmp(result->logits, e.expected, TINY_CLASSES) != 0;
    return 0;
}

/* The tiny model in blocks of its own. */
static uint32_t place_in_blocks(tiny_model *t) {
    wick_model *m = &t->model;
    uint32_t at = 0;
    m->write_unit = BLOCK;
    for (int i = 0; i < 2; i++, at += BLOCK)
        m->record_offset[i] = at;
    for (int i = 0; i < 2; i++, at += 2 * BLOCK)
        m->vars_offset[i] = at;
    m->tally_offset = at;
    at += BLOCK;
    for (uint32_t i = 0; i < m->n_tensors; i++) {
        wick_place *place = &t->places[i];
        uint32_t bytes = (place->bytes + BLOCK - 1) / BLOCK * BLOCK;
        place->offset = at;
        if (place->stride) {
            m->stamp_offset = bytes;
            place->stride = bytes + BLOCK;
        }
        at += place->stride ? 2 * place->stride : bytes;
    }
    m->nvm_bytes = at;
    return at / BLOCK;
}

static void prepare_engine(void) {
    memset(&e, 0, sizeof e);
    tiny_make(&e.tiny, (tiny_options){.outputs_per_step = BLOCK, .steps_per_span = 2});
    uint32_t blocks = place_in_blocks(&e.tiny);
    assert_true(blocks <= MOST_BLOCKS);
    prepare(16, blocks, 224);
    s.bare.result = on_result;
    mount();
    e.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
    tiny_expected(&e.tiny, 1, 1, e.expected);
}

static wick_rt_status live(void) {
    int8_t input[TINY_INPUT];
    mount();
    memset(&e.engine, 0, sizeof e.engine);
    memset(e.scratch, 0x5A, sizeof e.scratch);
    e.engine.app = e.app;
    wick_rt_status status =
        wick_engine_boot(&e.engine, &e.tiny.model, &s.port, &e.policy, e.scratch, TINY_SCRATCH);
    if (status >= 0 && e.engine.record.epoch == 0) {
        tiny_input(1, input);
        status = wick_engine_submit(&e.engine, input, TINY_INPUT, NULL);
    }
    return status >= 0 ? wick_engine_run(&e.engine) : status;
}

static void engine_goes_on_after_every_cut(void **state) {
    (void)state;
    static uint64_t cut, all;
    static int variant;
    static wick_rt_status status;
    prepare_engine();
    assert_int_equal(live(), WICK_RT_IDLE);
    assert_int_equal(e.results, 1);
    all = s.flash.ops;
    for (cut = 1; cut <= all; cut++)
        for (variant = 0; variant < FLASH_VARIANTS; variant++) {
            prepare_engine();
            s.flash.variant = (flash_variant)variant;
            s.flash.seed = cut;
            s.flash.cut_at = cut;
            if (setjmp(s.flash.power_off) != 0)
                s.flash.cut_at = 0;
            status = live();
            if (status != WICK_RT_IDLE || e.results < 1 || e.results > 2 || e.wrong ||
                s.flash.violations)
                fail_msg("cut in operation %u, variant %d: status %d, %d results, %d wrong, %u "
                         "violations",
                         (unsigned)cut, variant, (int)status, e.results, e.wrong,
                         s.flash.violations);
        }
}

static int release(void **state) {
    (void)state;
    flash_free(&s.flash);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_survive_every_variant),
        cmocka_unit_test(every_operation_is_cut),
        cmocka_unit_test(failing_calls_lose_nothing),
        cmocka_unit_test(pages_take_turns),
        cmocka_unit_test(decayed_heads),
        cmocka_unit_test(torn_heads_hide_nothing),
        cmocka_unit_test(shapes_that_cannot_be),
        cmocka_unit_test(logs_of_other_shapes),
        cmocka_unit_test(engine_goes_on_after_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
