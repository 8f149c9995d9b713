/* The kernels as Python functions: arguments are looked at, shapes compared, parts handed out.

   A function returns what its twin in plainnet.kernels returns, or NotImplemented where an argument
   is not what the kernel is written for; then nothing has been written, and NumPy does it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>

#include "kernel.h"
#include "processor.h"
#include "threads.h"

#define MOST_LETTERS 8

typedef struct {
    char kind;      /* f, d, i or b: an array; #: a number; w: a window; _: scratch; -: None */
    char optional;  /* None may stand for the array */
    char writes;
    char turned;    /* the transpose is contiguous */
    char n_letters;
    char letters[MOST_LETTERS]; /* as indices of dims */
    char strides[MOST_LETTERS]; /* likewise, of axes with a distance of their own, otherwise -1 */
    char strided;               /* whether there are such */
} parameter;

typedef struct {
    const kernel *kernel;
    int n, returned; /* the parameters, and the one that is returned, or -1 */
    parameter parameters[MOST_ARGUMENTS];
    PyMethodDef method;
} function;

/* A call. It lies on the stack of the thread that calls, which waits for all who work on it. */
typedef struct {
    const kernel *kernel;
    int stage;
    value values[MOST_ARGUMENTS];
    long windows[MOST_ARGUMENTS][8];
    shapes shapes;
} job;

#define MOST_SUMS (1 << 20) /* floats, of all parts, unless one part needs more */
/* Numbers of the arguments: for a call of less, Python's lock is not let go. */
static long small = 1 << 14;
/* A cost: below, a kernel takes less time than two threads need to agree. */
#define WORTH_DIVIDING (12 * small)

static const kernel *const *all_kernels;
static function *functions;

/* --- the description of a kernel ---------------------------------------------------------------- */

static int describe(function *made, const kernel *kernel)
{
    const char *text = kernel->shapes;
    made->kernel = kernel;
    made->returned = -1;
    while (*text) {
        if (made->n == MOST_ARGUMENTS)
            return -1;
        parameter *p = &made->parameters[made->n];
        p->kind = 'f';
        for (; *text && *text != ','; text++) {
            if (text[1] == ':') {
                if (*text == 't')
                    p->turned = 1;
                else
                    p->kind = *text;
                text++;
            } else if (*text == '#' || *text == '_' || *text == '-' || *text == 'W') {
                p->kind = *text;
            } else if (*text == '?') {
                p->optional = 1;
            } else if (*text == '>') {
                p->writes = 1;
            } else if (*text == '^') {
                p->writes = 1;
                made->returned = made->n;
            } else if (*text == '/') {
                p->strided = 1;
                p->strides[p->n_letters - 1] = *++text - 'a';
            } else if (*text >= 'a' && *text <= 'z') {
                if (p->n_letters == MOST_LETTERS)
                    return -1;
                p->strides[(int)p->n_letters] = -1;
                p->letters[(int)p->n_letters++] = *text - 'a';
            } else if (*text != ' ') {
                return -1;
            }
        }
        made->n++;
        if (*text == ',')
            text++;
    }
    return 0;
}

/* --- the arguments of a call -------------------------------------------------------------------- */

/* Whether this is the length or distance that the letter stands for, or the first that it does. */
static int agrees(long *held, long n)
{
    if (*held == 0)
        *held = n;
    return *held == n;
}

/* Whether the array is one of this kind, contiguous and with axes of these lengths. */
static int fits(const parameter *p, const Py_buffer *view, long *dims)
{
    const char *format = view->format ? view->format : "B";
    if (p->kind == 'f'   ? strcmp(format, "f") != 0
        : p->kind == 'd' ? strcmp(format, "d") != 0
        : p->kind == 'b' ? strcmp(format, "?") != 0
                         : view->itemsize != sizeof(intptr_t) || !strchr("lqn", *format))
        return 0;
    int axes = p->n_letters, leading = view->ndim - (axes - 1);
    if (leading < 0 || view->len == 0 || (p->turned && view->ndim != 2)
        || (p->strided && leading != 1))
        return 0;
    Py_ssize_t stride = view->itemsize;
    for (int i = 0; i < view->ndim; i++) {
        int axis = p->turned ? i : view->ndim - 1 - i;
        if (p->strided && p->strides[axis] >= 0) {
            stride = view->strides[axis];
            if (stride == 0 || stride % view->itemsize
                || (view->shape[axis] != 1
                    && !agrees(&dims[(int)p->strides[axis]], (long)(stride / view->itemsize))))
                return 0;
        } else if (view->shape[axis] != 1 && view->strides[axis] != stride) {
            return 0;
        }
        stride *= view->shape[axis];
    }
    for (int k = 0; k < axes; k++) {
        long n = 1;
        if (k == 0)
            for (int i = 0; i < leading; i++)
                n *= (long)view->shape[i];
        else
            n = (long)view->shape[leading + k - 1];
        if (!agrees(&dims[(int)p->letters[k]], n))
            return 0;
    }
    return 1;
}

/* The pairs of a Window, in the order in which its class lists them; 0 if it is none. All but the
   zeros before the image are positive, and their products fit a long. */
static int read_window(PyObject *object, long *numbers)
{
    static const char *const names[] = {"kernel", "stride", "dilation", "before"};
    int fits = 1;
    for (int k = 0; k < 4; k++) {
        PyObject *pair = PyObject_GetAttrString(object, names[k]);
        if (!pair)
            return 0;
        for (int i = 0; i < 2; i++) {
            PyObject *item = PySequence_GetItem(pair, i);
            numbers[2 * k + i] = item ? PyLong_AsLong(item) : -1;
            Py_XDECREF(item);
            fits &= numbers[2 * k + i] < 1L << 30 && numbers[2 * k + i] > (k < 3 ? 0 : -(1L << 30));
        }
        Py_DECREF(pair);
    }
    return fits && !PyErr_Occurred();
}

/* --- running ------------------------------------------------------------------------------------ */

static void run_parts(void *call, long first, long last)
{
    const job *work = call;
    const shapes *shapes = &work->shapes;
    const stage *stage = &work->kernel->stages[work->stage];
    long units = stage->axis ? shapes->dims[stage->axis - 'a'] : 1;
    long step = shapes->sums ? 1 : last - first; /* parts without sums are one range of units */
    for (long part = first; part < last; part += step) {
        float *memory = shapes->sums      ? shapes->sums + part * shapes->sums_size
                        : shapes->scratch ? shapes->scratch + part * shapes->scratch_size
                                          : NULL;
        long begin = units * part / shapes->parts, end = units * (part + step) / shapes->parts;
        if (begin < end)
            stage->run(work->values, shapes, begin, end, memory);
    }
}

/* The whole stage, on this thread. */
static void run_here(job *work, const stage *stage)
{
    if (stage->axis)
        run_parts(work, 0, work->shapes.parts);
    else
        stage->run(work->values, &work->shapes, 0, 1, work->shapes.sums);
}

static void run(job *work)
{
    const kernel *kernel = work->kernel;
    for (work->stage = 0; work->stage < MOST_STAGES; work->stage++) {
        const stage *stage = &kernel->stages[work->stage];
        if (!stage->run)
            break;
        if (stage->axis && work->shapes.cost >= WORTH_DIVIDING) {
            divide(run_parts, work, work->shapes.parts);
        } else if (work->shapes.cost >= small) {
            Py_BEGIN_ALLOW_THREADS
            run_here(work, stage);
            Py_END_ALLOW_THREADS
        } else
            run_here(work, stage);
    }
}

static inline long at_most(long n, long most) { return n < most ? n : most; }

/* The units of the stage that has most of them. */
static long most_units(const job *work)
{
    long most = 1;
    for (int k = 0; k < MOST_STAGES && work->kernel->stages[k].run; k++) {
        const char axis = work->kernel->stages[k].axis;
        if (axis && work->shapes.dims[axis - 'a'] > most)
            most = work->shapes.dims[axis - 'a'];
    }
    return most;
}

/* The memory that the stages share, and that of each part. The parts are so many that their sums are
   a small share of the work, or, where threads may divide it, of the memory. */
static int allocate(job *work, long numbers)
{
    const kernel *kernel = work->kernel;
    shapes *shapes = &work->shapes;
    shapes->parts = at_most(shapes->parts, most_units(work));
    if (kernel->sums) {
        const long size = (kernel->sums(shapes) + 15) / 16 * 16;
        const long worth = shapes->cost < WORTH_DIVIDING ? numbers / (4 * size) : MOST_SUMS / size;
        shapes->parts = at_most(shapes->parts, worth + 1);
        shapes->sums_size = size;
        shapes->sums = calloc(shapes->parts * size, sizeof(float));
    }
    if (shapes->common_size)
        shapes->common = malloc(shapes->common_size * sizeof(float));
    shapes->scratch_size = (shapes->scratch_size + 15) / 16 * 16;
    if (shapes->scratch_size)
        shapes->scratch = malloc(shapes->parts * shapes->scratch_size * sizeof(float));
    if ((kernel->sums && !shapes->sums) || (shapes->common_size && !shapes->common)
        || (shapes->scratch_size && !shapes->scratch)) {
        PyErr_NoMemory();
        return 0;
    }
    return 1;
}

static PyObject *call(PyObject *self, PyObject *const *arguments, Py_ssize_t n)
{
    const function *function = &functions[PyLong_AsLong(self)];
    const kernel *kernel = function->kernel;
    Py_buffer views[MOST_ARGUMENTS];
    int n_views = 0, fit = n == function->n;
    long numbers = 0;
    job work = {.kernel = kernel};
    PyObject *result = NULL;

    for (int i = 0; fit && i < n; i++) {
        const parameter *p = &function->parameters[i];
        PyObject *argument = arguments[i];
        value *held = &work.values[i];
        if (p->kind == '_')
            continue;
        if (p->kind == '#') {
            held->number = PyFloat_AsDouble(argument);
            fit = !PyErr_Occurred();
        } else if (p->kind == 'W') {
            held->window = work.shapes.window = work.windows[i];
            fit = read_window(argument, work.windows[i]);
        } else if (argument == Py_None) {
            fit = p->optional || p->kind == '-';
        } else if (p->kind == '-') {
            fit = 0;
        } else {
            Py_buffer *view = &views[n_views];
            int flags = PyBUF_STRIDES | PyBUF_FORMAT | (p->writes ? PyBUF_WRITABLE : 0);
            fit = PyObject_GetBuffer(argument, view, flags) == 0;
            if (fit) {
                n_views++;
                fit = fits(p, view, work.shapes.dims);
                held->f = view->buf;
                numbers += (long)(view->len / view->itemsize);
            }
        }
    }
    if (PyErr_Occurred())
        PyErr_Clear(); /* NumPy's form says what is wrong */

    const long parts = numbers < small ? 1 : 2 * (numbers / small);
    work.shapes.parts = at_most(parts, MOST_PARTS);
    work.shapes.cost = numbers;
    if (fit && (!kernel->fits || kernel->fits(&work.shapes, work.values))) {
        if (allocate(&work, numbers)) {
            run(&work);
            result = function->returned < 0 ? Py_None : arguments[function->returned];
            Py_INCREF(result);
        }
        free(work.shapes.sums);
        free(work.shapes.common);
        free(work.shapes.scratch);
    } else {
        result = Py_NewRef(Py_NotImplemented);
    }
    while (n_views)
        PyBuffer_Release(&views[--n_views]);
    return result;
}

/* --- the module --------------------------------------------------------------------------------- */

static PyObject *set_threads(PyObject *self, PyObject *arguments)
{
    long n, numbers = 1 << 14;
    if (!PyArg_ParseTuple(arguments, "l|l", &n, &numbers))
        return NULL;
    use_threads(n);
    small = numbers < 1 ? 1 : numbers;
    Py_RETURN_NONE;
}

static int add_kernels(PyObject *module, const char *instructions)
{
    int n = 0;
    all_kernels = kernels_of(instructions);
    while (all_kernels[n])
        n++;
    PyObject *table = PyDict_New();
    functions = calloc(n, sizeof *functions);
    for (int i = 0; table && functions && i < n; i++) {
        function *made = &functions[i];
        if (describe(made, all_kernels[i])) {
            PyErr_Format(PyExc_SystemError, "kernel %s is described wrongly", all_kernels[i]->name);
            return -1;
        }
        made->method = (PyMethodDef){made->kernel->name, (PyCFunction)(void (*)(void))call,
                                     METH_FASTCALL, made->kernel->arguments};
        PyObject *number = PyLong_FromLong(i);
        PyObject *wrapped = number ? PyCFunction_NewEx(&made->method, number, NULL) : NULL;
        int failed = !wrapped || PyDict_SetItemString(table, made->kernel->name, wrapped);
        Py_XDECREF(number);
        Py_XDECREF(wrapped);
        if (failed)
            return -1;
    }
    return table && functions ? PyModule_AddObjectRef(module, "kernels", table) : -1;
}

static PyMethodDef methods[] = {
    {"use_threads", set_threads, METH_VARARGS,
     "use_threads(n): let n threads divide a large call. use_threads(n, small): a call of `small`\n"
     "numbers has two parts, and is divided from twelve times as many on. The number of parts, not\n"
     "that of threads, decides in which order numbers are added."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_kernels", "The compiled kernels, in the dictionary `kernels`.", -1,
    methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernels(void)
{
    PyObject *module = PyModule_Create(&definition);
    const char *instructions = best_instructions(getenv("PLAINNET_INSTRUCTIONS"));
    if (module && (PyModule_AddStringConstant(module, "version", VERSION)
                   || PyModule_AddStringConstant(module, "instructions", instructions)
                   || add_kernels(module, instructions)))
        Py_CLEAR(module);
    return module;
}
