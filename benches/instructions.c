/* Counts the instructions that a program executes under qemu-user: a TCG plugin of API version 1 (QEMU 4.2 to 9).
 * The declarations are those of that interface, so that no header of QEMU's is needed.
 *   gcc -shared -fPIC -O2 -o libinstructions.so benches/instructions.c
 *   qemu-aarch64 -plugin ./libinstructions.so -d plugin PROGRAM…
 * With `-plugin ./libinstructions.so,blocks=on` it also tells for each block of code its address and its share, for a
 * profile by function (benches/hot.py).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum { ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*translated)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *counter, uint64_t number);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
void qemu_plugin_outs(const char *text);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t instructions;

/* A block of code, as often as it was translated. */
struct block {
    struct block *next;
    uint64_t address;
    uint64_t instructions;
};

static struct block *blocks;
static int tells_blocks;

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    struct block *block = tells_blocks ? calloc(1, sizeof *block) : NULL;
    (void)id;
    if (block) {
        *block = (struct block){blocks, qemu_plugin_tb_vaddr(tb), 0};
        blocks = block;
        qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &block->instructions, qemu_plugin_tb_n_insns(tb));
    }
    qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, &instructions, qemu_plugin_tb_n_insns(tb));
}

static void ended(plugin_id id, void *data)
{
    char text[64];
    (void)id;
    (void)data;
    snprintf(text, sizeof text, "instructions: %llu\n", (unsigned long long)instructions);
    qemu_plugin_outs(text);
    for (const struct block *block = blocks; block; block = block->next) {
        snprintf(text, sizeof text, "block %llx %llu\n", (unsigned long long)block->address,
                 (unsigned long long)block->instructions);
        qemu_plugin_outs(text);
    }
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        tells_blocks |= !strcmp(argv[i], "blocks=on");
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
