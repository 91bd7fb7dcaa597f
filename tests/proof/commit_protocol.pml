/* SPDX-License-Identifier: 0BSD */
/* The commit protocol as a model for Spin: two record copies, torn writes, writes that a barrier alone orders, lazy
   commits with mandatory ones, committed decisions, input epochs. The checks: a span never reads what is not its input of
   its epoch; one input is answered by one module, with that module's answer, at least once; and (LIVE) whatever the
   voltage readings say, every input that stays is answered if each boot brings the energy of one span with its commit.

   Spans of one input (buffer read -> buffer written):
       0 extractor   input[epoch & 1] -> A
       1 extractor   A -> B = the features
       module 1:     2  B -> C,  3  C -> A,  4  A -> C (span 3 read C, so the commit after it is mandatory),  5  C -> L
       module 2:     2  B -> L
   AGAIN: the features are not committed on purpose. There is no span of the extractor alone; the decision comes first, and
   every module begins with spans 0 and 1. Span 3 then overwrites what span 1 read, so that the commit after span 2 is
   mandatory too.
   What a buffer holds is a number: which span of which epoch (and module) wrote it; 255 = torn or in flight.

   BUG_<NAME> plants an error; SPIN must then find a violation (slow_spin.sh lists them). */

#ifndef INPUTS
#define INPUTS 2
#endif
#define TORN 255
#define A 0
#define B 1
#define C 2
#define L 3
#define IN 4 /* and 5 */
#define BUFFERS 6

#define IDLE 0
#define RUN 1
#define DECIDE 2
#define PUBLISH 3

#ifdef AGAIN
#define FIRST 0 /* span of a module */
#define TAKEN DECIDE
#define MUST (now.module == 1 && (now.span == 2 || now.span == 3))
#else
#define FIRST 2
#define TAKEN RUN
#define MUST (now.module == 1 && now.span == 3)
#endif

#define VALUE(epoch, module, span) ((epoch) * 32 + (module) * 8 + (span) + 1)

typedef record { byte sequence, epoch, module, span, phase; bit whole }

/* Memory as the CPU sees it, and what is durable of it. They differ between barriers only. */
record seen[2], kept[2];
byte buffer[BUFFERS], durable[BUFFERS];

/* Lost at a power failure */
record now;
byte copy, work;   /* newest copy; pieces of work that were begun since the boot */
bit joined;        /* the last span was not committed yet */

/* What the outside world knows */
byte offered, delivered[INPUTS + 1], answered_by[INPUTS + 1], decided[INPUTS + 1];
bit all_answered;

/* LIVE: power fails as often as it likes, but each boot carries its first piece of work with its commit. */
#ifdef LIVE
#define MAY_FAIL (work >= 2)
#else
#define MAY_FAIL true
#endif
#define CUT if :: true :: MAY_FAIL -> goto power_fails fi

#define COPY(to, from) to.sequence = from.sequence; to.epoch = from.epoch; to.module = from.module; \
    to.span = from.span; to.phase = from.phase; to.whole = from.whole

inline barrier() {
    d_step {
        durable[0] = buffer[0]; durable[1] = buffer[1]; durable[2] = buffer[2];
        durable[3] = buffer[3]; durable[4] = buffer[4]; durable[5] = buffer[5];
        COPY(kept[0], seen[0]); COPY(kept[1], seen[1])
    }
}

/* A torn copy: some of its fields arrived, others did not; its CRC is wrong. */
inline tear(c) {
    kept[c].whole = 0;
    if :: kept[c].sequence = seen[c].sequence :: true fi;
    if :: kept[c].span = seen[c].span :: true fi;
    if :: kept[c].phase = seen[c].phase :: true fi;
    if :: kept[c].epoch = seen[c].epoch :: true fi
}

/* Of what was not durable anything may have arrived: nothing, all, a part. */
inline settle() {
    atomic {
        i = 0;
        do
        :: i < BUFFERS ->
            if
            :: buffer[i] == durable[i]
            :: buffer[i] != durable[i]
            :: buffer[i] != durable[i] -> durable[i] = buffer[i]
            :: buffer[i] != durable[i] -> durable[i] = TORN
            fi;
            buffer[i] = durable[i]; i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < 2 ->
            if
            :: seen[i].sequence != kept[i].sequence || seen[i].whole != kept[i].whole ||
               seen[i].span != kept[i].span || seen[i].phase != kept[i].phase || seen[i].epoch != kept[i].epoch ->
                if
                :: true
                :: COPY(kept[i], seen[i])
                :: tear(i)
                fi
            :: else
            fi;
            COPY(seen[i], kept[i]); i++
        :: else -> break
        od;
        i = 0
    }
}

/* The newest whole copy. */
inline load() {
    d_step {
#ifdef BUG_CRC_IGNORED
        copy = (seen[1].sequence > seen[0].sequence -> 1 : 0);
#else
        if
        :: seen[0].whole && seen[1].whole -> copy = (seen[1].sequence > seen[0].sequence -> 1 : 0)
        :: seen[0].whole && !seen[1].whole -> copy = 0
        :: !seen[0].whole && seen[1].whole -> copy = 1
        :: else -> assert(false) /* never both: the newest is not touched */
        fi;
#endif
        COPY(now, seen[copy])
    }
}

#ifdef BUG_SEQUENCE_STANDS_STILL
#define NEXT now.sequence
#else
#define NEXT (now.sequence + 1)
#endif
#ifdef BUG_NEWEST_OVERWRITTEN
#define TARGET copy
#else
#define TARGET (1 - copy)
#endif

/* `now` becomes durable as the newest record. A cut may fall before each of the four actions. */
#ifdef BUG_NO_BARRIER_BEFORE
#define COMMIT_BARRIER skip
#else
#define COMMIT_BARRIER barrier()
#endif
#ifdef BUG_NO_BARRIER_AFTER
#define COMMITTED skip
#else
#define COMMITTED barrier()
#endif
#define COMMIT \
    CUT; COMMIT_BARRIER; CUT; \
    d_step { now.sequence = NEXT; now.whole = 1; COPY(seen[TARGET], now); copy = TARGET; joined = 0 }; \
    CUT; COMMITTED; CUT

#define EXPECT(b, v) assert(buffer[b] == (v))

/* What span `now.span` reads must be what the spans before it wrote, for this epoch. */
#define READS \
    if \
    :: now.span == 0 -> EXPECT(IN + (now.epoch & 1), VALUE(now.epoch, 0, 7)) \
    :: now.span == 1 -> EXPECT(A, VALUE(now.epoch, 0, 0)) \
    :: now.span == 2 -> EXPECT(B, VALUE(now.epoch, 0, 1)) \
    :: now.span == 3 -> EXPECT(C, VALUE(now.epoch, 1, 2)) \
    :: now.span == 4 -> EXPECT(A, VALUE(now.epoch, 1, 3)) \
    :: now.span == 5 -> EXPECT(C, VALUE(now.epoch, 1, 4)) \
    fi

/* What the extractor computes does not depend on the module. */
#define RESULT VALUE(now.epoch, (now.span < 2 -> 0 : now.module), now.span)
#define WRITTEN (now.span == 0 || now.span == 3 -> A : \
    (now.span == 1 -> B : (now.span == 4 || (now.span == 2 && now.module == 1) -> C : L)))

active proctype device() {
    byte i, answer;
    bit last, must;
    /* Formatted memory: one record, idle. */
    d_step {
        kept[0].whole = 1; kept[0].sequence = 1; seen[0].whole = 1; seen[0].sequence = 1;
        durable[0] = TORN; durable[1] = TORN; durable[2] = TORN; durable[3] = TORN; durable[4] = TORN; durable[5] = TORN;
        buffer[0] = TORN; buffer[1] = TORN; buffer[2] = TORN; buffer[3] = TORN; buffer[4] = TORN; buffer[5] = TORN
    }
    goto boots;

power_fails:
    settle();
boots:
    skip;
    d_step {
        now.sequence = 0; now.epoch = 0; now.module = 0; now.span = 0; now.phase = 0; now.whole = 0;
        joined = 0; work = 0; last = 0; must = 0; answer = 0
    }
    load();
step:
    skip;
    d_step { if :: work < 2 -> work++ :: else fi };
    CUT;
    if
    :: now.phase == IDLE && now.epoch == INPUTS -> goto finished
    :: now.phase == IDLE && now.epoch < INPUTS && offered > now.epoch -> goto submit
    :: now.phase == IDLE && now.epoch < INPUTS && offered == now.epoch -> work = 0; goto step /* asleep */
    :: now.phase != IDLE && !joined && offered > now.epoch -> goto submit /* the older input is dropped */
    :: now.phase == RUN -> goto span
    :: now.phase == DECIDE -> goto decide
    :: now.phase == PUBLISH -> goto publish
    fi;

submit:
    skip;
#ifdef BUG_ONE_INPUT_PLACE
#define PLACE IN
#else
#define PLACE (IN + ((now.epoch + 1) & 1))
#endif
    buffer[PLACE] = TORN; CUT;
    buffer[PLACE] = VALUE(now.epoch + 1, 0, 7);
    d_step { now.epoch++; now.module = 0; now.span = 0; now.phase = TAKEN };
#ifdef BUG_STALE_EPOCH
    if :: now.epoch > 1 -> now.span = 1 :: else fi; /* features of the older input are taken for this one's */
#endif
    COMMIT;
    goto step;

span:
    skip;
    READS;
    buffer[WRITTEN] = TORN; CUT;
    buffer[WRITTEN] = RESULT;
    last = now.span + 1 == FIRST || (now.module == 1 && now.span == 5) || (now.module == 2 && now.span == 2);
#ifdef BUG_MANDATORY_SKIPPED
    must = 0; /* found only where span 4 is cut after a commit between spans 2 and 3 */
#else
    must = MUST;
#endif
    if
    :: last -> now.phase = (now.module -> PUBLISH : DECIDE)
    :: else
    fi;
    now.span++;
    if
    :: last || must -> COMMIT
#ifdef BUG_FIRST_SPAN_JOINS
    :: !last && !must -> joined = 1
#else
    :: !last && !must && work >= 2 -> joined = 1 /* the reading, right or wrong, says that there is charge */
#endif
    :: !last && !must -> COMMIT
    fi;
    goto step;

decide: /* the policy's answer depends on the voltage: anything */
    skip;
    if :: now.module = 1 :: now.module = 2 fi;
#ifdef BUG_FEATURES_TAKEN_FOR_GRANTED
    d_step { now.span = 2; now.phase = RUN }; /* though nothing has committed them */
#else
    d_step { now.span = FIRST; now.phase = RUN };
#endif
#ifndef BUG_DECISION_NOT_COMMITTED
    COMMIT;
#else
    /* acted on at once; the first commit of the module tells */
#endif
    /* Acting on it: the outside may see which module works (its energy, its time). */
    assert(decided[now.epoch] == 0 || decided[now.epoch] == now.module);
    decided[now.epoch] = now.module;
    goto step;

publish:
    skip;
#ifdef BUG_EARLY_PUBLISH
    d_step { now.phase = IDLE };
    COMMIT;
#endif
    answer = buffer[L];
    assert(answer == (now.module == 1 -> VALUE(now.epoch, 1, 5) : VALUE(now.epoch, 2, 2)));
    assert(answered_by[now.epoch] == 0 || answered_by[now.epoch] == now.module);
    d_step { delivered[now.epoch] = 1; answered_by[now.epoch] = now.module };
    CUT;
#ifndef BUG_EARLY_PUBLISH
    d_step { now.phase = IDLE };
    COMMIT;
#endif
    goto step;

finished:
    skip;
    assert(delivered[INPUTS]); /* the last input, which nothing can have dropped */
    all_answered = 1
}

/* Inputs come when they come. */
active proctype sensor() {
    do
    :: offered < INPUTS -> offered++
    :: else -> break
    od
}

#ifdef LIVE
ltl answered { <> all_answered }
#endif
