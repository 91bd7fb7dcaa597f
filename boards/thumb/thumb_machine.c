/* SPDX-License-Identifier: 0BSD */
#include "thumb_machine.h"
#include "thumb_chip.h"

#include <elf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

machine m;

/* What the watch looks at. (A limit of Unicorn's own starts a thread for every run, which takes
   longer than most runs.) */
static volatile sig_atomic_t runs, runs_seen;
static uc_engine *volatile running;

void machine_fail(const char *what) {
    fprintf(stderr, "thumbcut: %s\n", what);
    exit(4);
}

void *machine_allocate(size_t bytes) {
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory)
        machine_fail("out of memory");
    return memory;
}

uint64_t machine_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void check(uc_err error, const char *what) {
    if (error != UC_ERR_OK) {
        fprintf(stderr, "thumbcut: %s: %s\n", what, uc_strerror(error));
        exit(4);
    }
}

/* Before each store: the power may fail here, also between the words of one instruction. */
static void on_store(uc_engine *uc, uc_mem_type type, uint64_t address, int bytes, int64_t value,
                     void *context) {
    (void)type;
    (void)context;
    if (m.cut || ++m.stores != m.cut_at)
        return;
    memcpy(m.at_cut, m.nvm, m.nvm_bytes);
    m.store_offset = (uint32_t)(address - NVM_AT);
    m.store_bytes = (uint32_t)bytes;
    m.store_value = (uint64_t)value;
    m.cut = 1;
    uc_emu_stop(uc);
}

/* BKPT is the guest's message; anything else is a fault. */
static void on_interrupt(uc_engine *uc, uint32_t number, void *context) {
    (void)number;
    (void)context;
    uint32_t what = 0, pc = 0;
    uc_reg_read(uc, UC_ARM_REG_R0, &what);
    uc_reg_read(uc, UC_ARM_REG_PC, &pc);
    uint16_t instruction = 0;
    if ((pc & ~1u) + 2u <= FLASH_BYTES)
        memcpy(&instruction, m.flash + (pc & ~1u), sizeof instruction);
    m.message = instruction == 0xBEAB && what <= GUEST_BROKEN ? what : GUEST_BROKEN;
    m.resume_at = ((pc & ~1u) + 2u) | 1u; /* to write it here would take the stop back */
    uc_emu_stop(uc);
}

/* Before each instruction. (Unicorn's own limit would not do: code that it has translated without
   one does not look at it.) */
static void on_instruction(uc_engine *uc, uint64_t address, uint32_t bytes, void *context) {
    (void)bytes;
    (void)context;
    if (m.instructions == m.stop_at) {
        uc_emu_stop(uc);
        return;
    }
    m.instructions++;
    uint16_t code = 0;
    if (address + sizeof code <= FLASH_BYTES)
        memcpy(&code, m.flash + address, sizeof code);
    if (m.in_block)
        m.in_block--;
    else if ((code & 0xFF00u) == 0xBF00u && (code & 0xFu))
        m.in_block = 4u - (uint32_t)__builtin_ctz(code & 0xFu);
}

static int cpu_model(const char *core) {
    if (!strcmp(core, "m0"))
        return UC_CPU_ARM_CORTEX_M0;
    if (!strcmp(core, "m3"))
        return UC_CPU_ARM_CORTEX_M3;
    if (!strcmp(core, "m4"))
        return UC_CPU_ARM_CORTEX_M4;
    if (!strcmp(core, "m33"))
        return UC_CPU_ARM_CORTEX_M33;
    machine_fail("the core is none of m0, m3, m4, m33");
    return 0;
}

typedef enum counted { NOTHING, STORES, INSTRUCTIONS } counted;

static uc_engine *make_processor(const char *core, counted what) {
    uc_engine *uc;
    uc_hook hook;
    check(uc_open(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS, &uc), "Unicorn");
    check(uc_ctl_set_cpu_model(uc, cpu_model(core)), "the core");
    check(uc_mem_map_ptr(uc, 0, FLASH_BYTES, UC_PROT_READ | UC_PROT_EXEC, m.flash), "flash");
    check(uc_mem_map_ptr(uc, SRAM_AT, SRAM_BYTES, UC_PROT_READ | UC_PROT_WRITE, m.sram), "SRAM");
    if (m.is_flash)
        chip_attach(uc);
    else
        check(uc_mem_map_ptr(uc, NVM_AT, NVM_BYTES, UC_PROT_READ | UC_PROT_WRITE, m.nvm), "NVM");
    check(uc_mem_map_ptr(uc, INPUT_AT, INPUT_BYTES, UC_PROT_READ, m.input), "input");
    check(uc_mem_map_ptr(uc, MAILBOX_AT, 4096, UC_PROT_READ | UC_PROT_WRITE, m.box), "mailbox");
    check(uc_hook_add(uc, &hook, UC_HOOK_INTR, (void *)on_interrupt, NULL, 1, 0), "a hook");
    if (what != NOTHING && !m.is_flash)
        check(uc_hook_add(uc, &hook, UC_HOOK_MEM_WRITE, (void *)on_store, NULL, NVM_AT,
                          NVM_AT + NVM_BYTES - 1),
              "a hook");
    if (what == INSTRUCTIONS)
        check(uc_hook_add(uc, &hook, UC_HOOK_CODE, (void *)on_instruction, NULL, 1, 0), "a hook");
    return uc;
}

static void load(const char *path) {
    FILE *file = fopen(path, "rb");
    static uint8_t elf[8 << 20];
    size_t bytes = file ? fread(elf, 1, sizeof elf, file) : 0;
    if (file)
        fclose(file);
    const Elf32_Ehdr *head = (const void *)elf;
    if (bytes < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_phoff + head->e_phnum * sizeof(Elf32_Phdr) > bytes)
        machine_fail("the guest is no ELF file, or too large");
    const Elf32_Phdr *parts = (const void *)(elf + head->e_phoff);
    for (int i = 0; i < head->e_phnum; i++) {
        const Elf32_Phdr *part = &parts[i];
        if (part->p_type != PT_LOAD || part->p_filesz == 0)
            continue;
        if (part->p_paddr > FLASH_BYTES || part->p_filesz > FLASH_BYTES - part->p_paddr ||
            part->p_offset > bytes || part->p_filesz > bytes - part->p_offset)
            machine_fail("the guest does not fit into flash");
        memcpy(m.flash + part->p_paddr, elf + part->p_offset, part->p_filesz);
    }
}

/* Pages of its own each, as Unicorn wants them. */
static void *pages(size_t bytes) {
    void *memory = NULL;
    if (posix_memalign(&memory, 4096, bytes) != 0)
        machine_fail("out of memory");
    memset(memory, 0, bytes);
    return memory;
}

/* The guest says what flash it needs: thumb_guest.c. */
static void make_nvm(void) {
    wick_flash_shape shape;
    uint32_t at;
    memcpy(&at, m.flash + 32, sizeof at);
    if (at > FLASH_BYTES - sizeof shape)
        machine_fail("the guest was built for another rig");
    memcpy(&shape, m.flash + at, sizeof shape);
    m.is_flash = shape.page_bytes != 0;
    m.variants = m.is_flash ? FLASH_VARIANTS : 2;
    m.many = m.is_flash ? 2 * shape.pages : 16;
    if (!m.is_flash) {
        m.nvm = pages(NVM_BYTES);
        m.nvm_bytes = NVM_BYTES;
        return;
    }
    if (shape.unit_bytes < 8 || shape.unit_bytes > FLASH_MOST_UNIT ||
        shape.page_bytes > NVM_BYTES || shape.page_bytes % shape.unit_bytes != 0 ||
        shape.pages > NVM_BYTES / shape.page_bytes)
        machine_fail("the guest's flash is larger than this machine");
    m.nvm_bytes = (uint32_t)chip_bytes(&shape);
    m.nvm = pages(m.nvm_bytes);
    chip_make(&shape, m.nvm, 1);
}

void machine_make(const char *elf, const char *core) {
    m.flash = pages(FLASH_BYTES);
    m.sram = pages(SRAM_BYTES);
    m.input = pages(INPUT_BYTES);
    m.box = pages(4096);
    load(elf);
    memcpy(&m.bss_end, m.flash + 8, 4);
    if (m.bss_end < SRAM_AT || m.bss_end > SRAM_AT + SRAM_BYTES - STACK_BYTES)
        machine_fail("the guest's SRAM is full");
    make_nvm();
    m.processor = make_processor(core, STORES);
    m.counting = make_processor(core, INSTRUCTIONS);
    m.plain = make_processor(core, NOTHING);
    check(uc_context_alloc(m.plain, &m.fresh), "a context");
    check(uc_context_save(m.plain, m.fresh), "a context");
}

void machine_blank(void) {
    if (m.is_flash)
        chip_blank();
    else
        memset(m.nvm, 0, m.nvm_bytes);
}

void machine_describe(uint64_t seed) {
    if (m.box->nvm_bytes > NVM_BYTES || m.box->n_classes > MAILBOX_CLASSES)
        machine_fail("the model is larger than this machine");
    m.view = machine_allocate(m.box->nvm_bytes);
    if (m.is_flash)
        chip_age(m.box->record_offset, seed);
    else
        m.nvm_bytes = m.box->nvm_bytes;
    m.at_cut = machine_allocate(m.nvm_bytes);
}

int machine_is_misused(void) {
    return m.is_flash && chip_is_misused();
}

void machine_fail_store(uint32_t variant, uint64_t *random) {
    memcpy(m.nvm, m.at_cut, m.nvm_bytes);
    if (m.is_flash) {
        chip_fail((flash_variant)variant, machine_random(random));
        return;
    }
    for (uint32_t i = 0; variant != 0 && i < m.store_bytes; i++) {
        uint8_t mask = (uint8_t)machine_random(random), *byte = m.nvm + m.store_offset + i;
        *byte = (uint8_t)((*byte & ~mask) | ((uint8_t)(m.store_value >> 8 * i) & mask));
    }
}

void machine_fail_instruction(uint64_t *random) {
    if (m.is_flash)
        chip_fail((flash_variant)(machine_random(random) % FLASH_VARIANTS), machine_random(random));
}

const uint8_t *machine_view(void) {
    if (!m.is_flash)
        return m.nvm;
    chip_look(m.view, m.box->nvm_bytes);
    return m.view;
}

static void on_watch(int number) {
    (void)number;
    if (running && runs == runs_seen) {
        m.astray = 1;
        uc_emu_stop(running);
    }
    runs_seen = runs;
}

void machine_watch(uint32_t seconds) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_watch;
    action.sa_flags = SA_RESTART;
    struct itimerval every = {{(time_t)seconds, 0}, {(time_t)seconds, 0}};
    if (sigaction(SIGPROF, &action, NULL) != 0 || setitimer(ITIMER_PROF, &every, NULL) != 0)
        machine_fail("no timer");
}

static void noise(uint8_t *memory, size_t bytes, uint64_t *random) {
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t value = machine_random(random);
        memcpy(memory + i, &value, bytes - i < 8 ? bytes - i : 8);
    }
}

void machine_reset(uc_engine *processor, uint64_t *random) {
    check(uc_context_restore(processor, m.fresh), "a context");
    m.in_block = 0;
    noise(m.sram, m.bss_end - SRAM_AT, random);
    noise(m.sram + SRAM_BYTES - STACK_BYTES, STACK_BYTES, random);
    for (int r = UC_ARM_REG_R0; r <= UC_ARM_REG_R12; r++) {
        uint32_t value = (uint32_t)machine_random(random);
        uc_reg_write(processor, r, &value);
    }
    uint32_t value = (uint32_t)machine_random(random);
    uc_reg_write(processor, UC_ARM_REG_LR, &value);
    memcpy(&value, m.flash, 4);
    uc_reg_write(processor, UC_ARM_REG_SP, &value);
    memcpy(&value, m.flash + 4, 4);
    value |= 1u;
    uc_reg_write(processor, UC_ARM_REG_PC, &value);
}

int machine_run(uc_engine *processor, uint64_t most) {
    uint32_t pc = 0;
    m.message = 0;
    m.astray = 0;
    m.stop_at = most ? m.instructions + most : UINT64_MAX;
    uc_reg_read(processor, UC_ARM_REG_PC, &pc);
    runs++;
    running = processor;
    uc_err error = uc_emu_start(processor, pc | 1u, 0xFFFFFFFE, 0, 0);
    running = NULL;
    if (m.message != 0)
        uc_reg_write(processor, UC_ARM_REG_PC, &m.resume_at);
    return error == UC_ERR_OK && !m.astray && (m.cut || m.message != 0 || most != 0);
}
