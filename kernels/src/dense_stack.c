/* Dense layers: what they make of their input, and training steps: loss, backward, Adam's update. */

enum { IDENTITY, RELU, TANH, SIGMOID };

/* A layer of the plan, with its matrices in whole registers. */
typedef struct {
    long n_in, n_out;
    const float *W, *b; /* (n_in, n_out), (n_out,) or NULL */
    float *dW, *db;
    long activation;
    float *rows;       /* (n_in, padded n_out): W */
    float *transposed; /* (n_out, padded n_in): W' */
    float *bias;       /* (padded n_out,) */
    float *A;          /* (m, padded n_out): what the layer hands on */
} dense;

#define MOST_LAYERS 32

/* n floats, and as many more as fill a line of the processor's cache. */
static long aligned(long n) { return (n + 15) / 16 * 16; }

static float *taken(float **work, long n)
{
    float *start = *work;
    *work += aligned(n);
    return start;
}

static void activate(long activation, float *A, long n)
{
    if (activation == RELU)
        for (long i = 0; i < n; i++)
            A[i] = at_least(A[i], 0);
    else if (activation == TANH)
        for (long i = 0; i < n; i++)
            A[i] = tanh_(A[i]);
    else if (activation == SIGMOID)
        for (long i = 0; i < n; i++)
            A[i] = sigmoid_(A[i]);
}

/* From dA to dZ, in place. */
static void activate_backward(long activation, float *dA, const float *A, long n)
{
    if (activation == RELU)
        for (long i = 0; i < n; i++)
            dA[i] = dA[i] * (A[i] > 0 ? 1.0f : 0.0f);
    else if (activation == TANH)
        for (long i = 0; i < n; i++)
            dA[i] = dA[i] * (1.0f - A[i] * A[i]);
    else if (activation == SIGMOID)
        for (long i = 0; i < n; i++)
            dA[i] = dA[i] * A[i] * (1.0f - A[i]);
}

/* In double precision: a line search compares losses that hardly differ. */
static double mean_of(const float *losses, long n)
{
    double sums[4] = {0};
    long i = 0;
    for (; i + 4 <= n; i += 4)
        for (int j = 0; j < 4; j++)
            sums[j] += losses[i + j];
    for (; i < n; i++)
        sums[0] += losses[i];
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) / (double)n;
}

/* The loss of the outputs Z, (m, padded K), which become the gradient of its mean. */
static double softmax_loss(float *Z, const intptr_t *classes, long m, long K, float *losses,
                          float *E)
{
    const long row = padded(K);
    const float share = 1.0f / (float)m;
    for (long i = 0; i < m; i += AT_ONCE)
        cross_entropy_rows(Z + i * row, row, classes + i, m - i < AT_ONCE ? m - i : AT_ONCE, K,
                           losses + i, E + i, m, 0);
    for (long k = 0; k < K; k++)
        for (long i = 0; i < m; i++)
            Z[i * row + k] = E[k * m + i] * share;
    return mean_of(losses, m);
}

static double squared_loss(float *Z, const float *targets, long m, long K, float *losses)
{
    const long row = padded(K);
    const float share = 2.0f / (float)K / (float)m;
    for (long i = 0; i < m; i++) {
        float sum = 0;
        for (long k = 0; k < K; k++) {
            const float difference = Z[i * row + k] - targets[i * K + k];
            sum += difference * difference;
            Z[i * row + k] = difference * share;
        }
        losses[i] = sum / (float)K;
    }
    return mean_of(losses, m);
}

/* log(1 + exp(-|Z|)) + Z ([Z > 0] - y), and P - y from the same terms. */
static double sigmoid_loss(float *Z, const float *targets, long m, long K, float *losses)
{
    const long row = padded(K);
    const float share = 1.0f / (float)K / (float)m;
    for (long i = 0; i < m; i++) {
        float sum = 0;
        for (long k = 0; k < K; k++) {
            const float z = Z[i * row + k], small = exp_(-fabsf(z)), tail = small / (1.0f + small);
            const float lean = (z > 0 ? 1.0f : z < 0 ? 0.0f : 0.5f) - targets[i * K + k];
            sum += log1p_(small) + z * lean;
            Z[i * row + k] = (lean - (z > 0 ? tail : z < 0 ? -tail : 0.0f)) * share;
        }
        losses[i] = sum / (float)K;
    }
    return mean_of(losses, m);
}

/* What the layers make of m examples; returns the memory that is left. */
static float *dense_forward(const float *X, long m, const float *parameters, const intptr_t *plan,
                            long n_layers, dense *layers, float *work)
{
    const float *A = X;
    for (long l = 0, a_row = plan[0]; l < n_layers; l++, plan += 5) {
        dense *d = &layers[l];
        const long row = padded(plan[1]);
        *d = (dense){.n_in = plan[0], .n_out = plan[1], .activation = plan[4]};
        d->W = parameters + plan[2];
        if (plan[3] >= 0) {
            d->b = parameters + plan[3];
            d->bias = taken(&work, row);
            pad_rows(1, d->n_out, d->b, d->bias);
        }
        d->rows = (float *)d->W;
        if (row != d->n_out)
            pad_rows(d->n_in, d->n_out, d->W, d->rows = taken(&work, d->n_in * row));
        d->A = taken(&work, m * row);
        product(m, row, d->n_in, A, a_row, 1, d->rows, row, d->A, row, d->bias, 0);
        if (l < n_layers - 1) /* the last activation is the loss's */
            activate(d->activation, d->A, m * row);
        A = d->A;
        a_row = row;
    }
    return work;
}

/* The mean loss of m examples; writes all gradients. */
static double dense_step(const float *X, const intptr_t *classes, const float *targets, long m,
                        const float *parameters, const intptr_t *plan, long n_layers,
                        float *gradients, float *work)
{
    dense layers[MOST_LAYERS];
    const float *A;
    long widest = 0;

    work = dense_forward(X, m, parameters, plan, n_layers, layers, work);
    for (long l = 0; l < n_layers; l++, plan += 5) {
        dense *d = &layers[l];
        d->dW = gradients + plan[2];
        d->db = d->b ? gradients + plan[3] : 0;
        widest = padded(d->n_out) > widest ? padded(d->n_out) : widest;
    }

    const dense *last = &layers[n_layers - 1];
    const long K = last->n_out;
    float *losses = taken(&work, m), *dZ = last->A;
    double loss;
    if (classes)
        loss = softmax_loss(dZ, classes, m, K, losses, taken(&work, K * m));
    else if (last->activation == SIGMOID)
        loss = sigmoid_loss(dZ, targets, m, K, losses);
    else
        loss = squared_loss(dZ, targets, m, K, losses);

    float *free_rows[2] = {taken(&work, m * widest), taken(&work, m * widest)};
    for (long l = n_layers - 1; l >= 0; l--) {
        dense *d = &layers[l];
        const long row = padded(d->n_out), row_in = padded(d->n_in);
        A = l ? layers[l - 1].A : X;
        product(d->n_in, d->n_out, m, A, 1, l ? row_in : d->n_in, dZ, row, d->dW, d->n_out, 0, 0);
        if (d->db)
            for (long j = 0; j < d->n_out; j += LANES) {
                lanes sums = all_lanes(0);
                for (long i = 0; i < m; i++)
                    sums += load(dZ + i * row + j);
                store_some(d->db + j, sums, d->n_out - j);
            }
        if (l) {
            float *dA = free_rows[l % 2];
            pad_transposed(d->n_in, d->n_out, d->W, d->transposed = taken(&work, d->n_out * row_in));
            product(m, row_in, d->n_out, dZ, row, 1, d->transposed, row_in, dA, row_in, 0, 0);
            activate_backward(layers[l - 1].activation, dA, layers[l - 1].A, m * row_in);
            dZ = dA;
        }
    }
    return loss;
}

/* How much memory a step takes, or -1 if the plan does not fit the arrays. */
static long dense_memory(const intptr_t *plan, long n_layers, long m, long n_inputs,
                         long n_parameters)
{
    long size = 0, widest = 0, n = n_inputs;
    for (long l = 0; l < n_layers; l++, plan += 5) {
        const long n_in = plan[0], n_out = plan[1], W = plan[2], b = plan[3];
        if (n_in != n || n_out < 1 || W < 0 || W + n_in * n_out > n_parameters || b < -1
            || b + n_out > n_parameters)
            return -1;
        size += aligned(padded(n_out)) + aligned(n_in * padded(n_out)) + aligned(m * padded(n_out))
                + aligned(n_out * padded(n_in));
        widest = padded(n_out) > widest ? padded(n_out) : widest;
        n = n_out;
    }
    return size + aligned(m) + aligned(n * m) + 2 * aligned(m * widest);
}

/* Multiplications for an example, as many at a time as an instruction computes. */
static long dense_cost(const intptr_t *plan, long n_layers)
{
    long products = 0;
    for (long l = 0; l < n_layers; l++, plan += 5)
        products += plan[0] * plan[1];
    return products / 16;
}

static int fits_dense_outputs(shapes *shapes_, const value *arguments)
{
    const value plan = arguments[2];
    const long n_layers = dim('l');
    if (dim('c') != 5 || n_layers > MOST_LAYERS)
        return 0;
    const long size = dense_memory(plan.i, n_layers, dim('m'), dim('n'), dim('p'));
    shapes_->cost += dim('m') * dense_cost(plan.i, n_layers);
    return size >= 0 && size <= dim('w') && dim('k') == plan.i[5 * n_layers - 4];
}

STAGE(dense_outputs, X, parameters, plan, Z, work)
{
    dense layers[MOST_LAYERS];
    const long m = dim('m'), K = dim('k');
    dense_forward(X.f, m, parameters.f, plan.i, dim('l'), layers, work.f);
    for (long i = 0; i < m; i++)
        memcpy(Z.f + i * K, layers[dim('l') - 1].A + i * padded(K), K * sizeof(float));
}
KERNEL_WHERE(fits_dense_outputs, dense_outputs, "mn, p, i:lc, mk^, w>", 0,
             (X, parameters, plan, Z, work), {stage_dense_outputs, 0})

static int fits_dense_stack(shapes *shapes_, const value *arguments)
{
    const value classes = arguments[1], targets = arguments[2], plan = arguments[4];
    const long n_layers = dim('l');
    if (!classes.i == !targets.f || dim('c') != 5 || n_layers > MOST_LAYERS)
        return 0;
    const long size = dense_memory(plan.i, n_layers, dim('m'), dim('n'), dim('p'));
    shapes_->cost += 3 * dim('m') * dense_cost(plan.i, n_layers);
    return size >= 0 && size <= dim('w') && (classes.i || dim('k') == plan.i[5 * n_layers - 4]);
}

STAGE(dense_stack, X, classes, targets, parameters, plan, gradients, mean, work)
{
    mean.d[0] = dense_step(X.f, classes.i, targets.f, dim('m'), parameters.f, plan.i, dim('l'),
                           gradients.f, work.f);
}
KERNEL_WHERE(fits_dense_stack, dense_stack, "mn, i:m?, mk?, p, i:lc, p>, d:u^, w>", 0,
             (X, classes, targets, parameters, plan, gradients, mean, work), {stage_dense_stack, 0})

/* The rows of X, n numbers each, that these indices name. */
static void take_floats(const float *X, long n, const intptr_t *rows, long m, float *to)
{
    for (long i = 0; i < m; i++)
        memcpy(to + i * n, X + rows[i] * n, n * sizeof(float));
}

static int fits_dense_steps(shapes *shapes_, const value *arguments)
{
    const value classes = arguments[1], targets = arguments[2], order = arguments[3];
    const value plan = arguments[6], groups = arguments[10];
    const long batch = (long)arguments[4].number, n_layers = dim('l'), K = dim('k');
    if (!classes.i == !targets.f || dim('c') != 5 || n_layers > MOST_LAYERS || batch < 1
        || (dim('q') + batch - 1) / batch != dim('s') || dim('d') != 2 || dim('f') != 6)
        return 0;
    for (long i = 0; i < dim('q'); i++)
        if (order.i[i] < 0 || order.i[i] >= dim('m'))
            return 0;
    for (long i = 0; i < dim('g'); i++)
        if (groups.i[2 * i] < 0 || groups.i[2 * i + 1] > dim('p'))
            return 0;
    const long size = dense_memory(plan.i, n_layers, batch, dim('n'), dim('p'));
    const long gathered = aligned(batch * dim('n')) + aligned(batch * (K ? K : 2));
    shapes_->cost += 3 * dim('q') * dense_cost(plan.i, n_layers);
    return size >= 0 && size + gathered <= dim('w') && (!K || K == plan.i[5 * n_layers - 4]);
}

STAGE(dense_steps, X, classes, targets, order, batch_size, parameters, plan, gradients, M, V,
      groups, settings, means, done, work)
{
    const long n = dim('n'), K = dim('k'), batch = (long)batch_size.number;
    float *rest = work.f, *rows = taken(&rest, batch * n), *of_rows = taken(&rest, batch * (K ? K : 2));
    intptr_t *ids = (intptr_t *)of_rows; /* as large as two floats, or less */

    done.i[0] = 0;
    for (long s = 0; s < dim('s'); s++) {
        const intptr_t *places = order.i + s * batch;
        const long left = dim('q') - s * batch, m = left < batch ? left : batch;
        take_floats(X.f, n, places, m, rows);
        if (targets.f)
            take_floats(targets.f, K, places, m, of_rows);
        else
            for (long i = 0; i < m; i++)
                ids[i] = classes.i[places[i]];
        means.d[s] = dense_step(rows, targets.f ? 0 : ids, targets.f ? of_rows : 0, m, parameters.f,
                                plan.i, dim('l'), gradients.f, rest);
        if (!isfinite(means.d[s]))
            return;
        for (long g = 0; g < dim('g'); g++) {
            const long start = groups.i[2 * g], stop = groups.i[2 * g + 1];
            adam_update(parameters.f, gradients.f, M.f, V.f, 0,
                        settings.f + (s * dim('g') + g) * 6, start, stop);
        }
        done.i[0] = s + 1;
    }
}
KERNEL_WHERE(fits_dense_steps, dense_steps,
              "mn, i:m?, mk?, i:q, #, p>, i:lc, p>, p>, p>, i:gd, sgf, d:s>, i:o>, w>", 0,
              (X, classes, targets, order, batch_size, parameters, plan, gradients, M, V, groups,
               settings, means, done, work),
              {stage_dense_steps, 0})

#define DENSE_STACK &kernel_dense_outputs, &kernel_dense_stack, &kernel_dense_steps
