/* A VST3 plugin in one file, for tests: a gain behind a delay, whose faults are chosen as it is
 * compiled. Steinberg's interfaces are tables of functions, so plain C will do.
 *
 *   LATENCY      how many frames it holds back, and says so         (0)
 *   PREDELAY     how many more it holds back, and says nothing      (0)
 *   KEEPS        whether it forgets nothing when it is told to      (0)
 *   CHANNELS     how many it insists on; 0 takes one and two        (0)
 *   CLASSES      how many plugins the file holds                    (1)
 *   CATEGORY     what it says it is                                 ("Fx")
 *   BAD_RATE_HZ  the rate at which it aborts                        (none)
 *   AT_LOAD, AT_ENTRY, AT_PROCESS, AT_EXIT     what it does there   (nothing)
 */

#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LATENCY
#define LATENCY 0
#endif
#ifndef PREDELAY
#define PREDELAY 0
#endif
#ifndef KEEPS
#define KEEPS 0
#endif
#ifndef CHANNELS
#define CHANNELS 0
#endif
#ifndef CLASSES
#define CLASSES 1
#endif
#ifndef CATEGORY
#define CATEGORY "Fx"
#endif
#ifndef BAD_RATE_HZ
#define BAD_RATE_HZ 0
#endif
#ifndef AT_LOAD
#define AT_LOAD
#endif
#ifndef AT_ENTRY
#define AT_ENTRY
#endif
#ifndef AT_PROCESS
#define AT_PROCESS
#endif
#ifndef AT_EXIT
#define AT_EXIT
#endif

enum { OK = 0, NO = 1, NO_INTERFACE = -1 };
enum { GAIN, MODE, MUTE, PARAMETERS };

typedef uint8_t Id[16];
typedef int16_t Text[128];
typedef struct { int32_t media, direction, channels; Text name; int32_t type; uint32_t flags; } Bus;
typedef struct {
    uint32_t id; Text title, short_title, units; int32_t steps; double initial; int32_t unit, flags;
} Parameter;
typedef struct { int32_t mode, size, frames; double rate_hz; } Setup;
typedef struct { int32_t channels; uint64_t silent; float **samples; } Buffers;
typedef struct {
    int32_t mode, size, frames, inputs, outputs; Buffers *in, *out; void ***changes;
} Data;
typedef struct { char vendor[64], url[256], email[128]; int32_t flags; } FactoryInfo;
typedef struct {
    Id id; int32_t many; char category[32], name[64]; uint32_t flags; char kinds[128], vendor[64],
        version[64], sdk[64];
} ClassInfo;

enum { HELD = LATENCY + PREDELAY + 1 };

/* One object with three faces, each a pointer to its table; `self` is the face that was called. */
typedef struct {
    const void *component, *processor, *controller;
    double values[PARAMETERS];
    int channels;
    float held[2][HELD];      /* the last frames, and where the next one goes */
    int at;
} Plugin;

#define FACE(member) ((Plugin *)((char *)self - offsetof(Plugin, member)))
#define IS(id, a, b, c, d) (!memcmp(id, (Id){BYTES(a), BYTES(b), BYTES(c), BYTES(d)}, 16))
#define BYTES(x) (uint8_t)((uint32_t)x >> 24), (uint8_t)((uint32_t)x >> 16), \
    (uint8_t)((uint32_t)x >> 8), (uint8_t)(uint32_t)x

static const char *const titles[] = {"Gain", "Mode", "Mute"};
static const char *const units[] = {"dB", "", ""};
static const double initial[] = {0.5, 0.0, 0.0};

static void put(Text to, const char *from) {
    do *to++ = *from; while (*from++);
}

static int32_t yes(void) { return OK; }
static int32_t no(void) { return NO; }
static int32_t none(void) { return 0; }
static uint32_t kept(void) { return 1; }

static int32_t ask(Plugin *plugin, const Id id, void **to) {
    *to = IS(id, 0x42043F99, 0xB7DA453C, 0xA569E79D, 0x9AAEC33D) ? (void *)&plugin->processor
        : IS(id, 0xDCD7BBE3, 0x7742448D, 0xA874AACC, 0x979C759E) ? (void *)&plugin->controller
        : IS(id, 0xE831FF31, 0xF2D54301, 0x928EBBEE, 0x25697802) ? (void *)&plugin->component
        : IS(id, 0x22888DDB, 0x156E45AE, 0x8358B348, 0x08190625) ? (void *)&plugin->component
        : IS(id, 0, 0, 0xC0000000, 0x46) ? (void *)&plugin->component
        : NULL;
    return *to ? OK : NO_INTERFACE;
}

/* What it hears and gives: one bus each way. */

static int32_t ask_component(void *self, const Id id, void **to) {
    return ask(FACE(component), id, to);
}
static int32_t bus_count(void *self, int32_t media, int32_t direction) { return media == 0; }
static int32_t bus(void *self, int32_t media, int32_t direction, int32_t index, Bus *to) {
    *to = (Bus){media, direction, FACE(component)->channels, {0}, 0, 1};
    put(to->name, "Main");
    return OK;
}

static const void *const component[] = {
    ask_component, kept, kept,       /* never freed: a test's process is short */
    yes, yes,                        /* initialize, terminate */
    no, yes, bus_count, bus, no,     /* controller's class, mode, buses, routing */
    yes, yes, yes, yes,              /* activate a bus, activate, set state, get state */
};

/* The sound. */

static int32_t ask_processor(void *self, const Id id, void **to) {
    return ask(FACE(processor), id, to);
}
static int32_t arrange(void *self, uint64_t *in, int32_t ins, uint64_t *out, int32_t outs) {
    int channels = ins == 1 && outs == 1 && *in == *out ? __builtin_popcountll(*in) : 0;
    if (channels < 1 || channels > 2 || (CHANNELS && channels != CHANNELS)) return NO;
    FACE(processor)->channels = channels;
    return OK;
}
static int32_t arrangement(void *self, int32_t direction, int32_t index, uint64_t *to) {
    *to = FACE(processor)->channels == 2 ? 3 : 1 << 19;
    return OK;
}
static int32_t size(void *self, int32_t bits) { return bits == 0 ? OK : NO; }
static uint32_t latency(void *self) { return LATENCY; }
static int32_t set_up(void *self, Setup *setup) {
    if (setup->rate_hz == BAD_RATE_HZ) abort();
    return OK;
}
static int32_t processing(void *self, uint8_t on) {
    if (!KEEPS) memset(FACE(processor)->held, 0, sizeof FACE(processor)->held);
    return OK;
}

static void take_changes(Plugin *plugin, void **changes) {
    int32_t count = ((int32_t (**)(void *))*changes)[3](changes);
    for (int32_t i = 0; i < count; i++) {
        void **queue = ((void **(**)(void *, int32_t))*changes)[4](changes, i);
        uint32_t id = ((uint32_t (**)(void *))*queue)[3](queue);
        int32_t points = ((int32_t (**)(void *))*queue)[4](queue), frame;
        double value;
        ((int32_t (**)(void *, int32_t, int32_t *, double *))*queue)[5](
            queue, points - 1, &frame, &value);
        if (id < PARAMETERS) plugin->values[id] = value;
    }
}

static int32_t process(void *self, Data *data) {
    Plugin *plugin = FACE(processor);
    AT_PROCESS;
    if (data->changes) take_changes(plugin, (void **)data->changes);
    if (!data->inputs || !data->outputs) return OK;
    double gain = pow(10, (plugin->values[GAIN] * 40 - 20) / 20);
    if (plugin->values[MODE] > 0.5) gain = -gain;
    if (plugin->values[MUTE] > 0.5) gain = 0;
    for (int32_t i = 0; i < data->frames; i++) {
        for (int c = 0; c < data->in->channels && c < 2; c++) {
            plugin->held[c][plugin->at] = data->in->samples[c][i];
            float late = plugin->held[c][(plugin->at + 1) % HELD];
            data->out->samples[c][i] = (float)(gain * late);
        }
        plugin->at = (plugin->at + 1) % HELD;
    }
    return OK;
}

static const void *const processor[] = {
    ask_processor, kept, kept,
    arrange, arrangement, size, latency, set_up, processing, process, none,
};

/* Its parameters. */

static int32_t ask_controller(void *self, const Id id, void **to) {
    return ask(FACE(controller), id, to);
}
static int32_t parameter_count(void *self) { return PARAMETERS; }
static int32_t parameter(void *self, int32_t i, Parameter *to) {
    *to = (Parameter){.id = i, .steps = i != GAIN, .initial = initial[i], .flags = 1};
    put(to->title, titles[i]);
    put(to->units, units[i]);
    return OK;
}
static int32_t text(void *self, uint32_t id, double value, Text to) {
    char gain[32];
    snprintf(gain, sizeof gain, "%.1f", value * 40 - 20);
    put(to, id == GAIN ? gain : id == MODE ? (value > 0.5 ? "Inverted" : "Clean")
        : value > 0.5 ? "On" : "Off");
    return OK;
}
static double as_is(void *self, uint32_t id, double value) { return value; }
static double value(void *self, uint32_t id) { return FACE(controller)->values[id]; }
static int32_t set_value(void *self, uint32_t id, double to) {
    FACE(controller)->values[id] = to;
    return OK;
}
static void *view(void *self, const char *name) { return NULL; }

static const void *const controller[] = {
    ask_controller, kept, kept,
    yes, yes,                        /* initialize, terminate */
    yes, yes, yes,                   /* its states */
    parameter_count, parameter, text, no, as_is, as_is, value, set_value, yes, view,
};

/* The file's face. */

static const Id class_id = {'l', 'o', 'f', 'i'};

static int32_t ask_factory(void *self, const Id id, void **to) {
    int known = IS(id, 0, 0, 0xC0000000, 0x46)
        || IS(id, 0x7A4D811C, 0x52114A1F, 0xAED9D2EE, 0x0B43BF9F)
        || IS(id, 0x0007B650, 0xF24B4C0B, 0xA464EDB9, 0xF00B2ABB);
    *to = known ? self : NULL;
    return known ? OK : NO_INTERFACE;
}
static int32_t factory_info(void *self, FactoryInfo *to) {
    *to = (FactoryInfo){"Tests", "", "", 0x10};
    return OK;
}
static int32_t class_count(void *self) { return CLASSES; }
static int32_t class_info_2(void *self, int32_t i, ClassInfo *to) {
    *to = (ClassInfo){{0}, 0x7FFFFFFF, "Audio Module Class", "", 1, CATEGORY, "Tests", "1.2.3",
                      "VST 3.7.4"};
    memcpy(to->id, class_id, sizeof(Id));
    to->id[15] = (uint8_t)i;
    snprintf(to->name, sizeof to->name, i ? "Plain Gain %d" : "Plain Gain", i + 1);
    return OK;
}
static int32_t class_info(void *self, int32_t i, void *to) {
    ClassInfo whole;
    class_info_2(self, i, &whole);
    memcpy(to, &whole, offsetof(ClassInfo, flags));
    return OK;
}
static int32_t create(void *self, const Id class, const Id face, void **to) {
    Plugin *plugin = calloc(1, sizeof *plugin);
    *plugin = (Plugin){component, processor, controller, .channels = CHANNELS ? CHANNELS : 2};
    memcpy(plugin->values, initial, sizeof initial);
    return ask(plugin, face, to);
}

static const void *const factory_table[] = {
    ask_factory, kept, kept, factory_info, class_count, class_info, create, class_info_2,
};
static const void *const factory = factory_table;

__attribute__((constructor)) static void load(void) { AT_LOAD; }
const void *GetPluginFactory(void) { return &factory; }
int ModuleEntry(void *library) { AT_ENTRY; return 1; }
int ModuleExit(void) { AT_EXIT; return 1; }
