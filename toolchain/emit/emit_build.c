/* CMakeLists.txt and README.md of the folder. */
#include "emit/emit_parts.h"
#include "emit/verify.h"

#include <math.h>
#include <string.h>

static void list_sources(const wick_emit *emit, wick_buf *buf) {
    for (int i = 0; i < emit->n_files; i++) {
        const char *name = emit->files[i].name;
        size_t len = strlen(name);
        bool firmware = !strchr(name, '/') || !strncmp(name, "wick/", 5);
        if (firmware && len > 2 && !strcmp(name + len - 2, ".c"))
            wick_buf_printf(buf, "  %s\n", name);
    }
}

void wick_emit_build(wick_emit *emit) {
    wick_buf *buf = wick_emit_file_new(emit, "CMakeLists.txt");
    wick_buf_puts(buf, "# SPDX-License-Identifier: 0BSD\n");
    wick_emit_stamp(emit, buf, "# ");
    wick_buf_puts(buf, "# As a part of your project: add_subdirectory(this folder), link "
                       "wick_firmware, add a port.\n"
                       "# On its own: builds the self-test; run it with ctest.\n"
                       "cmake_minimum_required(VERSION 3.13)\nproject(wick_firmware C)\n\n"
                       "add_library(wick_firmware STATIC\n");
    list_sources(emit, buf);
    wick_buf_puts(
        buf, ")\n"
             "target_include_directories(wick_firmware PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}\n"
             "  ${CMAKE_CURRENT_SOURCE_DIR}/include)\n"
             "set_target_properties(wick_firmware PROPERTIES C_STANDARD 99 C_EXTENSIONS OFF)\n\n"
             "if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR AND NOT "
             "CMAKE_CROSSCOMPILING)\n"
             "  add_executable(selftest host/selftest.c host/model_vectors.c)\n"
             "  target_link_libraries(selftest PRIVATE wick_firmware)\n"
             "  add_library(port_template OBJECT port/port_template.c)\n"
             "  target_link_libraries(port_template PRIVATE wick_firmware)\n"
             "  set_target_properties(selftest port_template PROPERTIES C_STANDARD 99 "
             "C_EXTENSIONS OFF)\n"
             "  enable_testing()\n  add_test(NAME selftest COMMAND selftest)\nendif()\n");
}

static void readme_modules(wick_emit *emit, wick_buf *buf) {
    const wick_plan *plan = emit->plan;
    wick_buf_printf(buf,
                    "| part | spans | energy | time | int8 accuracy |\n|---|---|---|---|---|\n");
    for (int s = 0; s < plan->n_segments; s++) {
        const wick_plan_segment *segment = &plan->segments[s];
        if (segment->n_spans == 0)
            continue;
        double ms = segment->cost.time_us / 1e3;
        wick_buf_printf(buf,
                        ms >= 1000 ? "| %s | %d | %.3g mJ | %.2f s | "
                                   : "| %s | %d | %.3g mJ | %.1f ms | ",
                        wick_emit_plain(emit, segment->name), segment->n_spans,
                        segment->cost.energy_uj / 1e3, ms >= 1000 ? ms / 1e3 : ms);
        double accuracy = s ? plan->net->accuracy[s - 1] : (double)NAN;
        if (isfinite(accuracy))
            wick_buf_printf(buf, "%.2f %% |\n", accuracy * 100);
        else
            wick_buf_puts(buf, "- |\n");
    }
    const char *needs = wick_recomputes(&plan->model)
                            ? "A module computes the extractor's part too,\nunless an earlier one "
                              "of the same boot has left it in SRAM."
                            : "A module's answer needs the extractor's spans first,\nonce for each "
                              "input.";
    wick_buf_printf(buf, "\nEnergies and times are modelled for %s, not measured. %s\n\n",
                    wick_emit_plain(emit, plan->device->name), needs);
}

static void readme_memory(wick_emit *emit, wick_buf *buf) {
    const wick_plan *plan = emit->plan;
    wick_buf_printf(
        buf,
        "## Memory\n"
        "| memory | bytes | what |\n|---|---|---|\n"
        "| SRAM | %lld | %lld scratch, at most %lld stack in the engine, %lld engine state; no heap "
        "|\n"
        "| NVM | %lld | two progress records, two inputs, tensors%s |\n"
        "| flash | %lld | %lld constants, about %lld code, of it at most %lld the engine (gcc -O2, "
        "%s) |\n\n",
        (long long)plan->totals.ram_bytes, (long long)plan->totals.scratch_bytes,
        (long long)plan->totals.stack_bytes, (long long)plan->totals.engine_bytes,
        (long long)plan->totals.memory_bytes, plan->device->nvm.page_bytes ? ", in a log" : "",
        (long long)plan->totals.flash_bytes, (long long)plan->totals.constants_bytes,
        (long long)plan->totals.code_bytes, (long long)plan->totals.engine_code_bytes,
        wick_emit_plain(emit, plan->device->core));
    wick_buf_printf(
        buf,
        "Planned for a charge of %.4g mJ (%g uF from %.2f V to %.2f V): every span, with a "
        "boot before it, needs at most\n%.4g mJ (modelled).\n\n",
        plan->charge_uj / 1e3, plan->device->capacitor.uf, plan->device->capacitor.on_v,
        plan->device->capacitor.off_v, plan->worst_span_uj / 1e3);
}

static void readme_guarantees(const wick_emit *emit, wick_buf *buf) {
    wick_buf_puts(
        buf,
        "## What holds when the power fails\n"
        "Given a port that keeps its promises (port/port_template.c). The last column names the tests: "
        "of this folder (`selftest`), of\n`wick verify` on this folder, and of wick's own suite.\n\n"
        "| | guarantee | tests |\n|---|---|---|\n");
    wick_guarantee guarantees[WICK_GUARANTEES];
    const wick_verify_result nothing = {0};
    const wick_verify_options options = wick_verify_defaults();
    wick_verify_guarantees(emit->plan, &options, &nothing, guarantees);
    for (int i = 0; i < WICK_GUARANTEES; i++)
        wick_buf_printf(buf, "| %s | %s | %s |\n", guarantees[i].id, guarantees[i].text,
                        wick_guarantee_tests[i]);
    wick_buf_printf(
        buf,
        "\nG2 here: if every boot brings %.4g mJ, every boot commits at least one span, so an "
        "answer takes at most as many\nboots as commits: spans, the input, a decision, a "
        "delivery, the end (modelled energy). %s\n\n",
        emit->plan->worst_span_uj / 1e3,
        emit->plan->options.checksum_block > 0
            ? "Tensors bear checksums, too: see below."
            : "Tensors bear no checksum: where bits may decay\nuse memory with ECC, or `wick plan "
              "--checksums`.");
}

static const char integration[] =
    "## Try it\n"
    "    cmake -B build && cmake --build build && ./build/selftest\n"
    "or without CMake:\n"
    "    cc -std=c99 -O2 -I. -Iinclude *.c wick/*.c host/*.c -o selftest && ./selftest\n"
    "It also cuts the power at 50 NVM writes of each module; `./selftest all` at every one.\n"
    "\n"
    "## Put it into your firmware\n"
    "The firmware is `*.c` and `wick/*.c`, with this folder and `include/` on the include path; C99, "
    "no libc but memcpy and memset.\n"
    "- CMake: `add_subdirectory(firmware)`, `target_link_libraries(app PRIVATE wick_firmware)`.\n"
    "- Zephyr: the same two lines after `find_package(Zephyr)`, with `target_link_libraries(app "
    "PRIVATE wick_firmware)` and\n"
    "  `target_link_libraries(wick_firmware PRIVATE zephyr_interface)`.\n"
    "- Arduino, PlatformIO: copy `*.c`, `*.h` and `wick/*.c` into `src/` and `include/wick` beside "
    "them; in C++ write\n"
    "  `extern \"C\" { #include \"model.h\" }` (each on its own line).\n"
    "- Anything else: compile all of them. Sections are dropped with -ffunction-sections "
    "-fdata-sections -Wl,--gc-sections.\n"
    "\n"
    "Then copy `port/port_template.c`, fill in its functions, and:\n"
    "\n"
    "```c\n"
    "#include \"model.h\"\n"
    "extern const wick_port wick_board_port;\n"
    "static uint32_t scratch[MODEL_SCRATCH_BYTES / 4 + 1];\n"
    "static const wick_policy policy = {.kind = WICK_POLICY_GREEDY};\n"
    "static wick_engine engine; /* zeroed: no situation callback */\n"
    "\n"
    "void app(void) {\n"
    "    wick_rt_status status = wick_engine_boot(&engine, &wick_model_data, &wick_board_port, "
    "&policy,\n"
    "                                             (int8_t *)scratch, MODEL_SCRATCH_BYTES);\n"
    "    if (status == WICK_RT_CORRUPT) /* both records damaged: start afresh */\n"
    "        status = wick_engine_format(&engine);\n"
    "    while (status >= 0) {\n"
    "        if (engine.record.phase == WICK_PHASE_IDLE) {\n"
    "            static uint8_t pixels[MODEL_INPUT_BYTES];\n"
    "            take_picture(pixels); /* yours: [height][width][channel] */\n"
    "            wick_model_quantize(pixels, (int8_t *)pixels);\n"
    "            status = wick_engine_submit(&engine, (const int8_t *)pixels, MODEL_INPUT_BYTES, "
    "0);\n"
    "        } else {\n"
    "            status = wick_engine_step(&engine); /* runs to the next commit */\n"
    "        }\n"
    "    }\n"
    "}\n"
    "```\n"
    "`engine.counters` tells how the device fares: boots, replays (boots that found work "
    "interrupted), dropped inputs, faults. They\n"
    "survive, from the first commit behind each change on; `wick inspect nvm.bin plan.json` reads "
    "them out of a dump.\n";

static const char update[] =
    "## Update the model in the field\n"
    "`wick/image.h` keeps a model image in one of two slots of memory that the CPU can load from, and fills "
    "the other in any number of\n"
    "pieces and power failures. An image is this folder's model, linked to a slot's address; engine, "
    "kernels and application stay:\n"
    "\n"
    "    cc -std=c99 -O2 -ffreestanding -fno-pic -nostdlib -I. -Iinclude -Iimage model_data.c model_weights.c "
    "image/slot_head.c \\\n"
    "       -Wl,-T,image/slot.ld -Wl,--build-id=none -Wl,--defsym=SLOT_ADDRESS=0x10020000 "
    "-Wl,--defsym=SLOT_BYTES=0x10000 -o slot_a.elf\n"
    "    objcopy -O binary slot_a.elf slot_a.bin\n"
    "with your board's compiler and options (-no-pie on a PC), once for slot A and once for slot B. "
    "The device says which slot does not count\n"
    "(`image.slot ^ 1`), and gets the one for it: `wick_image_begin` with the layout (MODEL_LAYOUT, "
    "also in the image's head), bytes and CRC-32,\n"
    "`wick_image_append` from `image.written` on, `wick_image_finish`, then a reset. At every boot: "
    "`wick_image_load`, `wick_image_check`,\n"
    "and `wick_engine_boot` with `((const slot_head *)address_of_slot[image.slot])->model` "
    "(image/slot.h) instead of `&wick_model_data`.\n"
    "A model that needs a kernel the firmware lacks, or more scratch, is refused by "
    "`wick_engine_boot` (ARGUMENT): link firmware with all that updates may use.\n"
    "Scratch and the engine's region are sized for the largest of them.\n";

static const char results[] =
    "\n"
    "Results arrive in the port's `result` function. After a power failure, `wick_engine_boot` finds "
    "the place and the loop\n"
    "goes on. Licence: 0BSD (LICENSE): do what you like with it.\n";

static const char with_checksums[] =
    "\n## Checksums\n"
    "This model was planned with a checksum beside each block of its memory. The engine gets a port "
    "that keeps them, in front of\n"
    "yours, which writes plain memory of MODEL_MEMORY_BYTES (all bytes equal before the first "
    "boot, or `wick_guard_clear`):\n"
    "\n"
    "```c\n"
    "#include <wick/guard.h>\n"
    "static wick_guard guard;\n"
    "static wick_port port; /* for wick_engine_boot */\n"
    "wick_guard_make(&guard, &wick_board_port, MODEL_CHECKSUM_BLOCK, MODEL_CHECKSUM_UNIT, &port);\n"
    "```\n"
    "What is damaged is reported (WICK_RT_NVM), or read from a record's other copy; "
    "`guard.refused` counts. After NVM, submit again\n"
    "what was not answered. The calls take at most 250 bytes of stack beside the engine's.\n";

static const char with_flash[] =
    "\n## Flash\n"
    "The memory is flash, so the engine gets a port that keeps a log on it, in front of yours, which "
    "programs whole erased units and\n"
    "erases pages. At every boot, before `wick_engine_boot`:\n"
    "\n"
    "```c\n"
    "#include <wick/flash.h>\n"
    "extern int wick_board_erase(void *ctx, uint32_t offset); /* port/port_template.c */\n"
    "static const wick_flash_shape shape = MODEL_FLASH_SHAPE;\n"
    "static uint16_t where[MODEL_FLASH_BLOCKS];\n"
    "static wick_flash_page pages[MODEL_FLASH_PAGES];\n"
    "static wick_flash flash;\n"
    "static wick_port port; /* for wick_engine_boot */\n"
    "wick_flash_make(&flash, &wick_board_port, wick_board_erase, &shape, where, pages, &port);\n"
    "```\n"
    "What the pages hold before the first boot does not matter. A boot that writes opens a page, so "
    "pages last as long as `wick plan`\n"
    "says of the answers and the boots together. After a change of the model the log of the old one "
    "is not read. Model updates by\n"
    "`wick/image.h` need memory that is written in place: here the model is part of the firmware.\n";

void wick_emit_readme(wick_emit *emit) {
    const wick_qnet *net = emit->plan->net;
    const wick_qtensor *input = &net->tensors[net->input];
    wick_buf *buf = wick_emit_file_new(emit, "README.md");
    wick_buf_puts(buf, "<!-- SPDX-License-Identifier: 0BSD\n");
    wick_emit_stamp(emit, buf, "");
    wick_buf_printf(
        buf,
        "-->\n# A neural network that survives power failures\n"
        "%dx%dx%d images to %d classes, %d module%s from large to small, as plain C99 for "
        "a device that loses power at any time\nand goes on where it was.\n\n",
        input->h, input->w, input->c, net->n_classes, net->n_modules,
        net->n_modules > 1 ? "s" : "");
    readme_modules(emit, buf);
    readme_memory(emit, buf);
    readme_guarantees(emit, buf);
    wick_buf_puts(buf, integration);
    bool flash = emit->plan->device->nvm.page_bytes > 0;
    wick_buf_puts(buf, flash ? "" : update);
    wick_buf_puts(buf, results);
    if (emit->plan->options.checksum_block > 0)
        wick_buf_puts(buf, with_checksums);
    if (flash)
        wick_buf_puts(buf, with_flash);
}
