#include "base/process.h"
#include "base/arena.h"
#include "base/progress.h"
#include "base/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct child {
    pid_t pid;        /* 0 = slot free */
    int out, err, in; /* -1 = closed */
    size_t input_at, input_len;
    double end_s;
    int index;
} child;

bool wick_process_exists(const char *program) {
    const char *path = getenv("PATH");
    for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
        size_t len = strcspn(p, ":");
        char file[PATH_MAX];
        int n = snprintf(file, sizeof file, "%.*s/%s", (int)len, p, program);
        if (n > 0 && (size_t)n < sizeof file && access(file, X_OK) == 0)
            return true;
        p += len + (p[len] == ':');
    }
    return false;
}

static void close_fd(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_all(int fds[][2], int count) {
    for (int i = 0; i < count; i++) {
        close_fd(&fds[i][0]);
        close_fd(&fds[i][1]);
    }
}

static wick_status start(wick_process *process, int index, child *slot, wick_diag *diag) {
    int fds[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    for (int i = 0; i < 3; i++)
        if (pipe(fds[i]) != 0 || fcntl(fds[i][0], F_SETFD, FD_CLOEXEC) != 0 ||
            fcntl(fds[i][1], F_SETFD, FD_CLOEXEC) != 0) {
            close_all(fds, 3);
            return wick_fail(diag, WICK_TOOL, process->argv[0], NULL, NULL, "no pipe: %s",
                             strerror(errno));
        }
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[0][0], 0);
        dup2(fds[1][1], 1);
        dup2(fds[2][1], 2);
        signal(SIGINT, SIG_IGN); /* the parent ends its children */
        signal(SIGPIPE, SIG_DFL);
        execvp(process->argv[0], (char *const *)(uintptr_t)process->argv);
        _exit(127);
    }
    if (pid < 0) {
        close_all(fds, 3);
        return wick_fail(diag, WICK_TOOL, process->argv[0], NULL, NULL, "cannot start: %s",
                         strerror(errno));
    }
    close_fd(&fds[0][0]);
    close_fd(&fds[1][1]);
    close_fd(&fds[2][1]);
    *slot = (child){.pid = pid,
                    .in = fds[0][1],
                    .out = fds[1][0],
                    .err = fds[2][0],
                    .input_len = process->input ? strlen(process->input) : 0,
                    .end_s = process->timeout_s > 0 ? wick_now_s() + process->timeout_s : 0,
                    .index = index};
    fcntl(slot->in, F_SETFL, O_NONBLOCK);
    if (!slot->input_len)
        close_fd(&slot->in);
    return WICK_OK;
}

static void drain(int *fd, wick_buf *into) {
    char bytes[65536];
    ssize_t got = read(*fd, bytes, sizeof bytes);
    if (got > 0)
        wick_buf_append(into, bytes, (size_t)got);
    else if (got == 0 || errno != EINTR)
        close_fd(fd);
}

static void feed(child *slot, const char *input) {
    ssize_t put = write(slot->in, input + slot->input_at, slot->input_len - slot->input_at);
    if (put > 0)
        slot->input_at += (size_t)put;
    if ((put < 0 && errno != EINTR && errno != EAGAIN) || slot->input_at == slot->input_len)
        close_fd(&slot->in);
}

/* Waits up to 0.1 s for something of the running children. */
static void serve(wick_process *processes, child *slots, int n_slots) {
    struct pollfd polls[3 * 64];
    int *fds[3 * 64], owner[3 * 64];
    nfds_t n = 0;
    for (int s = 0; s < n_slots; s++) {
        if (!slots[s].pid)
            continue;
        int *list[3] = {&slots[s].in, &slots[s].out, &slots[s].err};
        for (int i = 0; i < 3; i++)
            if (*list[i] >= 0) {
                fds[n] = list[i];
                owner[n] = s;
                polls[n++] = (struct pollfd){.fd = *list[i], .events = i ? POLLIN : POLLOUT};
            }
    }
    if (poll(polls, n, 100) <= 0)
        return;
    for (nfds_t i = 0; i < n; i++) {
        if (!polls[i].revents)
            continue;
        child *slot = &slots[owner[i]];
        wick_process *process = &processes[slot->index];
        if (fds[i] == &slot->in)
            feed(slot, process->input);
        else
            drain(fds[i], fds[i] == &slot->out ? &process->output : &process->errors);
    }
}

/* True when the child has ended and its slot is free again. */
static bool reap(wick_process *process, child *slot) {
    bool late = slot->end_s > 0 && wick_now_s() > slot->end_s;
    if (late)
        kill(slot->pid, SIGKILL);
    else if (slot->out >= 0 || slot->err >= 0)
        return false;
    int status = 0;
    while (waitpid(slot->pid, &status, 0) < 0 && errno == EINTR) {
    }
    process->exit_status = late                ? -1
                           : WIFEXITED(status) ? WEXITSTATUS(status)
                                               : 128 + WTERMSIG(status);
    close_fd(&slot->in);
    close_fd(&slot->out);
    close_fd(&slot->err);
    slot->pid = 0;
    return true;
}

/* SIGTERM first, so that a compiler can remove its temporary files; SIGKILL for what is left after
 * a second. */
static void end_all(child *slots, int n_slots) {
    for (int s = 0; s < n_slots; s++)
        if (slots[s].pid)
            kill(slots[s].pid, SIGTERM);
    double until_s = wick_now_s() + 1;
    for (int s = 0; s < n_slots; s++)
        if (slots[s].pid) {
            pid_t ended = 0;
            while ((ended = waitpid(slots[s].pid, NULL, WNOHANG)) == 0 && wick_now_s() < until_s)
                nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
            if (ended == 0) {
                kill(slots[s].pid, SIGKILL);
                waitpid(slots[s].pid, NULL, 0);
            }
            close_fd(&slots[s].in);
            close_fd(&slots[s].out);
            close_fd(&slots[s].err);
        }
}

wick_status wick_process_run(wick_process *processes, int count, int at_once,
                             void (*done)(void *ctx, int finished), void *ctx, wick_diag *diag) {
    for (int i = 0; i < count; i++)
        if (!wick_process_exists(processes[i].argv[0]) && !strchr(processes[i].argv[0], '/'))
            return wick_fail(diag, WICK_NOT_FOUND, processes[i].argv[0], NULL,
                             "install it from the distribution (make deps)",
                             "this program is not in PATH");
    child slots[64] = {{0}};
    int n_slots = at_once < 1 ? 1 : at_once > 64 ? 64 : at_once;
    int next = 0, finished = 0;
    struct sigaction ignore = {0}, old;
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &old);
    wick_status status = WICK_OK;
    while (finished < count && status == WICK_OK) {
        for (int s = 0; s < n_slots && next < count && status == WICK_OK; s++)
            if (!slots[s].pid) {
                status = start(&processes[next], next, &slots[s], diag);
                next++;
            }
        if (status != WICK_OK)
            break;
        serve(processes, slots, n_slots);
        for (int s = 0; s < n_slots; s++)
            if (slots[s].pid && reap(&processes[slots[s].index], &slots[s])) {
                finished++;
                if (done)
                    done(ctx, finished);
            }
        if (wick_stop_requested())
            status = wick_fail(diag, WICK_INTERRUPTED, NULL, NULL, NULL, "interrupted");
    }
    end_all(slots, n_slots);
    sigaction(SIGPIPE, &old, NULL);
    return status;
}

void wick_process_free(wick_process *process) {
    wick_buf_free(&process->output);
    wick_buf_free(&process->errors);
}
