/* Scores rows with boosted trees that are laid out as tables (framework/trees/layout.py).

   A column's values are first put in the places that they have among the thresholds of all trees:
   a byte each, in a "plane", so that a split compares bytes and not doubles, sixteen rows at once.

   Few rows walk down the trees, eight trees at a time so that their steps overlap. More rows go
   through every split of a tree in turn, without a branch: a split that sends a row to the right
   rules out the leaves to its left, and the row's leaf is the first that is left (QuickScorer:
   Lucchese et al., SIGIR 2015). Either way a row's leaves are added up tree after tree, as LightGBM
   does: the sums are the same to the last bit.

   Plain C with GCC's vectors, which every x86-64 and arm64 processor has: one library serves all. */

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 16, GROUPS = 4, BLOCK = LANES * GROUPS, WALKS = 8 };

typedef uint8_t Lanes __attribute__((vector_size(LANES)));

enum { IDENTITY, SIGNED_SQUARE, EXPONENTIAL, SIGMOID, SOFTMAX, SOFTPLUS };

/* A column of the matrix as some splits look at it. Its cuts are their thresholds, at most 255, or
   their categories, in ascending order. A number's code is the count of cuts below it, `missing` if
   it is NaN, and `zero`, unless that is negative, if it is what LightGBM takes for zero. A category
   is a bit: its position in eights is the plane, the rest the bit. */
typedef struct {
    int32_t column, is_categorical, first_cut, cuts, first_plane, planes, missing, zero;
} View;

/* A split as a block of rows meets it: above `code` a row goes to the right, which rules out the
   eight leaves' `mask`. Of categories, `code` is the set of a plane's that go to the left, and the
   last plane's test has the mask. Before the tests of every eight leaves stands their number. */
typedef union {
    struct {
        uint16_t plane;
        uint8_t code, mask;
    };
    struct {
        uint16_t numerical, categorical;
    };
} Test;

/* A node as a single row meets it: the next one is `next` ahead, or one more if the bits of `keep`
   in its plane are above `code`. A leaf is zero ahead of itself. */
typedef struct {
    uint16_t plane;
    uint8_t keep, code;
    int16_t next;
    uint16_t leaf;
} Node;

/* First node, steps to its deepest leaf, first leaf, and leaves divided by eight. */
typedef struct {
    int32_t root, depth, leaf, octets;
} Tree;

typedef struct {
    int32_t features, views, planes, trees, outputs, walked, objective;
    double divisor, sigmoid;
    const View *view;
    const double *cut;
    const Tree *tree;
    const Test *test;
    const Node *node;
    const double *leaf;
} Forest;

static const double ZERO = 1e-35f; /* LightGBM's kZeroThreshold. */

/* How many cuts are below each value. */
static inline void find(const double *cut, int cuts, const double *value, int rows, int32_t *place) {
    for (int i = 0; i < rows; i++) place[i] = 0;
    for (int left = cuts, half; left > 1; left -= half) {
        half = left / 2;
        for (int i = 0; i < rows; i++)
            place[i] += cut[place[i] + half - 1] < value[i] ? half : 0;
    }
    for (int i = 0; i < rows; i++) place[i] += cut[place[i]] < value[i];
}

static inline void encode_numbers(const View *view, const double *cut, const double *value,
                                  int32_t *place, int rows, uint8_t *code) {
    find(cut, view->cuts, value, rows, place);
    for (int i = 0; i < rows; i++) code[i] = value[i] != value[i] ? view->missing : place[i];
    if (view->zero < 0) return;
    for (int i = 0; i < rows; i++) code[i] = fabs(value[i]) <= ZERO ? view->zero : code[i];
}

static inline void encode_categories(const View *view, const double *cut, double *value,
                                     int32_t *place, int rows, int stride, uint8_t *code) {
    for (int i = 0; i < rows; i++) {
        int is_category = value[i] > -1 && value[i] < 2147483648.0;
        value[i] = is_category ? (double)(int32_t)value[i] : -1;
    }
    find(cut, view->cuts, value, rows, place);
    memset(code, 0, (size_t)view->planes * stride);
    for (int i = 0; i < rows; i++)
        if (place[i] < view->cuts && cut[place[i]] == value[i])
            code[place[i] / 8 * stride + i] = 1 << place[i] % 8;
}

static inline void encode(const Forest *forest, const double *x, int rows, int stride,
                          uint8_t *codes) {
    double value[BLOCK];
    int32_t place[BLOCK];
    for (const View *view = forest->view, *end = view + forest->views; view < end; view++) {
        const double *cut = forest->cut + view->first_cut;
        uint8_t *code = codes + view->first_plane * stride;
        for (int i = 0; i < rows; i++) value[i] = x[(int64_t)i * forest->features + view->column];
        if (view->is_categorical) encode_categories(view, cut, value, place, rows, stride, code);
        else encode_numbers(view, cut, value, place, rows, code);
    }
}

/* The position of the lowest bit that is not set; 8 if all are. */
static inline Lanes first_unset(Lanes bits) {
    Lanes ones = bits & ~(bits + 1);
    ones -= (ones >> 1) & 0x55;
    ones = (ones & 0x33) + ((ones >> 2) & 0x33);
    return (ones + (ones >> 4)) & 15;
}

/* Finds every row's leaf in a tree; returns where the tests of the next tree begin. */
static inline const Test *descend(const Test *test, int octets, const Lanes *codes, int groups,
                                  Lanes *leaf) {
    const Lanes none = {0};
    Lanes found[GROUPS], gone[GROUPS], inside[GROUPS];
    for (int j = 0; j < groups; j++) found[j] = leaf[j] = none;
    for (int k = 0; k < octets; k++) {
        const Test *numerical = test + 1 + test->numerical;
        const Test *categorical = numerical + test->categorical;
        for (int j = 0; j < groups; j++) gone[j] = inside[j] = none;
        for (test++; test < numerical; test++) {
            const Lanes *code = codes + test->plane * GROUPS;
            Lanes bound = none + test->code, mask = none + test->mask;
            for (int j = 0; j < groups; j++) gone[j] |= (Lanes)(code[j] > bound) & mask;
        }
        for (; test < categorical; test++) {
            const Lanes *code = codes + test->plane * GROUPS;
            Lanes set = none + test->code, mask = none + test->mask;
            for (int j = 0; j < groups; j++) inside[j] |= code[j] & set;
            if (!test->mask) continue;
            for (int j = 0; j < groups; j++) {
                gone[j] |= (Lanes)(inside[j] == none) & mask;
                inside[j] = none;
            }
        }
        for (int j = 0; j < groups; j++) {
            leaf[j] += first_unset(gone[j]) & ~found[j];
            found[j] |= (Lanes)(gone[j] != (none + 255));
        }
    }
    return test;
}

static inline void score_block(const Forest *forest, const double *x, int rows, int groups,
                               double *sum) {
    Lanes codes[forest->planes * GROUPS];
    encode(forest, x, rows, BLOCK, (uint8_t *)codes);
    memset(sum, 0, sizeof(double) * BLOCK * forest->outputs);
    const Test *test = forest->test;
    for (int t = 0, output = 0; t < forest->trees; t++) {
        union {
            Lanes lanes[GROUPS];
            uint8_t row[BLOCK];
        } at;
        test = descend(test, forest->tree[t].octets, codes, groups, at.lanes);
        const double *leaf = forest->leaf + forest->tree[t].leaf;
        double *to = sum + output * BLOCK;
        for (int i = 0; i < groups * LANES; i++) to[i] += leaf[at.row[i]];
        output = output + 1 == forest->outputs ? 0 : output + 1;
    }
}

static void score_row(const Forest *forest, const double *x, double *sum) {
    uint8_t codes[forest->planes + 1];
    encode(forest, x, 1, 1, codes);
    for (int k = 0; k < forest->outputs; k++) sum[k * BLOCK] = 0;
    for (int first = 0, output = 0; first < forest->trees; first += WALKS) {
        int left = forest->trees - first, walks = left < WALKS ? left : WALKS, depth = 0;
        const Tree *tree = forest->tree + first;
        const Node *at[WALKS];
        for (int j = 0; j < WALKS; j++) {
            const Tree *one = tree + (j < walks ? j : 0);
            at[j] = forest->node + one->root;
            depth = one->depth > depth ? one->depth : depth;
        }
        for (int d = 0; d < depth; d++)
#pragma GCC unroll 8
            for (int j = 0; j < WALKS; j++)
                at[j] += (intptr_t)at[j]->next + ((codes[at[j]->plane] & at[j]->keep) > at[j]->code);
        for (int j = 0; j < walks; j++) {
            sum[output * BLOCK] += forest->leaf[tree[j].leaf + at[j]->leaf];
            output = output + 1 == forest->outputs ? 0 : output + 1;
        }
    }
}

/* Turns a row's sums into its scores, as LightGBM's objectives do (ConvertOutput). */
static void convert(const Forest *forest, double *score) {
    int outputs = forest->outputs;
    for (int k = 0; k < outputs; k++) {
        double raw = score[k] /= forest->divisor;
        switch (forest->objective) {
        case SIGNED_SQUARE: score[k] = raw < 0 ? -raw * raw : raw * raw; break;
        case EXPONENTIAL: score[k] = exp(raw); break;
        case SIGMOID: score[k] = 1 / (1 + exp(-forest->sigmoid * raw)); break;
        case SOFTPLUS: score[k] = log1p(exp(raw)); break;
        }
    }
    if (forest->objective != SOFTMAX) return;
    double most = score[0], total = 0;
    for (int k = 1; k < outputs; k++) most = score[k] > most ? score[k] : most;
    for (int k = 0; k < outputs; k++) total += score[k] = exp(score[k] - most);
    for (int k = 0; k < outputs; k++) score[k] /= total;
}

/* Scores rows of `features` numbers each; writes `outputs` numbers for each. */
void score(const Forest *forest, const double *x, int rows, double *out) {
    int outputs = forest->outputs;
    double sum[BLOCK * outputs];
    for (int first = 0; first < rows;) {
        const double *from = x + (int64_t)first * forest->features;
        int left = rows - first, together = left < BLOCK ? left : BLOCK;
        if (left <= forest->walked) score_row(forest, from, sum), together = 1;
        else if (left <= LANES) score_block(forest, from, together, 1, sum);
        else if (left <= 2 * LANES) score_block(forest, from, together, 2, sum);
        else score_block(forest, from, together, GROUPS, sum);
        for (int i = 0; i < together; i++) {
            double *to = out + (int64_t)(first + i) * outputs;
            for (int k = 0; k < outputs; k++) to[k] = sum[k * BLOCK + i];
            convert(forest, to);
        }
        first += together;
    }
}
