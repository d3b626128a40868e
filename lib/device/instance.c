// SPDX-License-Identifier: MIT
//
// Loader, instance, function table, debug messages.
//
// The loader is opened at run time: a program that links this library starts on a machine
// without Vulkan and is told so. Layers are chosen with the loader's own variables
// (VK_INSTANCE_LAYERS) or with LATTN_CHECK=validation, which adds the Khronos layer with
// synchronisation checks.
//
// Debug messages of type VALIDATION or PERFORMANCE are counted, so that a test can demand
// zero of them. Type GENERAL is the loader talking about itself and only logged.

#include <string.h>
#include "base/alloc.h"
#include "base/library.h"
#include "base/log.h"
#include "device/env.h"
#include "device/instance.h"

#if defined(__APPLE__)
static const char loader_name[] = "libvulkan.1.dylib";
#else
static const char loader_name[] = "libvulkan.so.1";
#endif
static const char validation_layer[] = "VK_LAYER_KHRONOS_validation";

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
    VkDebugUtilsMessageTypeFlagsEXT type, const VkDebugUtilsMessengerCallbackDataEXT *data,
    void *user)
{
    struct lat_device *dev = user;
    const char *text = data->pMessage ? data->pMessage : "";
    VkDebugUtilsMessageTypeFlagsEXT counted = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                                              VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT;
    if (!(type & counted)) {
        lat_log(LATTN_LOG_DEBUG, "vulkan: %s", text);
        return VK_FALSE;
    }
    dev->validation_messages++;
    bool error = severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
    lat_log(error ? LATTN_LOG_ERROR : LATTN_LOG_WARN, "validation: %s", text);
    return VK_FALSE;
}

static VkDebugUtilsMessengerCreateInfoEXT messenger_info(struct lat_device *dev)
{
    return (VkDebugUtilsMessengerCreateInfoEXT){
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
        .pfnUserCallback = on_message,
        .pUserData = dev,
    };
}

static lattn_status open_loader(struct lat_device *dev)
{
    if (lat_library_open(loader_name, &dev->loader))
        return lat_err(LATTN_ERR_NO_DEVICE,
            "no Vulkan loader (%s); install it and a driver, on Debian: apt install libvulkan1 "
            "mesa-vulkan-drivers",
            loader_name);
    dev->vk.GetInstanceProcAddr =
        (PFN_vkGetInstanceProcAddr) lat_library_find(dev->loader, "vkGetInstanceProcAddr");
    if (!dev->vk.GetInstanceProcAddr)
        return lat_err(LATTN_ERR_NO_DEVICE, "%s has no vkGetInstanceProcAddr", loader_name);
    return LATTN_OK;
}

static lattn_status load_global(struct lat_device *dev)
{
    struct lat_vk *vk = &dev->vk;
#define XX(name)                                                                                   \
    vk->name = (PFN_vk##name) vk->GetInstanceProcAddr(NULL, "vk" #name);                           \
    if (!vk->name)                                                                                 \
        return lat_err(LATTN_ERR_NO_DEVICE, "the Vulkan loader has no vk%s (needs 1.2)", #name);
    LAT_VK_GLOBAL(XX)
#undef XX
    return LATTN_OK;
}

static lattn_status load_instance(struct lat_device *dev)
{
    struct lat_vk *vk = &dev->vk;
#define XX(name)                                                                                   \
    vk->name = (PFN_vk##name) vk->GetInstanceProcAddr(dev->instance, "vk" #name);                  \
    if (!vk->name)                                                                                 \
        return lat_err(LATTN_ERR_NO_DEVICE, "the Vulkan instance has no vk%s", #name);
    LAT_VK_INSTANCE(XX)
#undef XX
#define XX(name) vk->name = (PFN_vk##name) vk->GetInstanceProcAddr(dev->instance, "vk" #name);
    LAT_VK_INSTANCE_OPTIONAL(XX)
#undef XX
    return LATTN_OK;
}

lattn_status lat_instance_load_device(struct lat_device *dev)
{
    struct lat_vk *vk = &dev->vk;
#define XX(fn)                                                                                     \
    vk->fn = (PFN_vk##fn) vk->GetDeviceProcAddr(dev->handle, "vk" #fn);                            \
    if (!vk->fn)                                                                                   \
        return lat_err(LATTN_ERR_UNSUPPORTED, "%s has no vk%s", dev->caps.info.name, #fn);
    LAT_VK_DEVICE(XX)
#undef XX
#define XX(fn) vk->fn = (PFN_vk##fn) vk->GetDeviceProcAddr(dev->handle, "vk" #fn);
    LAT_VK_DEVICE_OPTIONAL(XX)
#undef XX
    // Some loaders answer for extensions that are not enabled.
    if (!dev->caps.push_descriptors || !vk->CmdPushDescriptorSetKHR) {
        vk->CmdPushDescriptorSetKHR = NULL;
        dev->caps.push_descriptors = dev->caps.info.push_descriptors = false;
    }
    if (!dev->labels) {
        vk->CmdBeginDebugUtilsLabelEXT = NULL;
        vk->CmdEndDebugUtilsLabelEXT = NULL;
        vk->SetDebugUtilsObjectNameEXT = NULL;
    }
    if (!vk->CreateShadersEXT || !vk->DestroyShaderEXT || !vk->GetShaderBinaryDataEXT ||
        !vk->CmdBindShadersEXT)
        dev->caps.shader_object = false;
    if (!vk->GetPipelineExecutablePropertiesKHR || !vk->GetPipelineExecutableStatisticsKHR)
        dev->caps.pipeline_statistics = false;
    return LATTN_OK;
}

// ---- an instance of our own ----------------------------------------------------------------

enum { MAX_NAMES = 4 };

// What goes into VkInstanceCreateInfo, by what the loader offers.
struct wanted {
    const char *extensions[MAX_NAMES];
    uint32_t n_extensions;
    const char *layers[1];
    uint32_t n_layers;
    bool debug_utils, portability, validation_features;
};

static bool offers_extension(struct lat_device *dev, const char *layer, const char *name)
{
    VkExtensionProperties *list = NULL;
    uint32_t n = 0;
    bool found = false;
    if (dev->vk.EnumerateInstanceExtensionProperties(layer, &n, NULL) != VK_SUCCESS)
        n = 0;
    list = lat_calloc(n, sizeof *list);
    if (list && n) {
        VkResult r = dev->vk.EnumerateInstanceExtensionProperties(layer, &n, list);
        for (uint32_t i = 0; i < n && (r == VK_SUCCESS || r == VK_INCOMPLETE); i++)
            found |= strcmp(list[i].extensionName, name) == 0;
    }
    lat_free(list);
    return found;
}

static bool offers_layer(struct lat_device *dev, const char *name)
{
    VkLayerProperties *list = NULL;
    uint32_t n = 0;
    bool found = false;
    if (dev->vk.EnumerateInstanceLayerProperties(&n, NULL) != VK_SUCCESS)
        n = 0;
    list = lat_calloc(n, sizeof *list);
    if (list && n) {
        VkResult r = dev->vk.EnumerateInstanceLayerProperties(&n, list);
        for (uint32_t i = 0; i < n && (r == VK_SUCCESS || r == VK_INCOMPLETE); i++)
            found |= strcmp(list[i].layerName, name) == 0;
    }
    lat_free(list);
    return found;
}

static struct wanted choose_names(struct lat_device *dev)
{
    struct wanted w = { 0 };
    if (offers_extension(dev, NULL, VK_EXT_DEBUG_UTILS_EXTENSION_NAME)) {
        w.extensions[w.n_extensions++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
        w.debug_utils = true;
    }
    if (offers_extension(dev, NULL, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
        w.extensions[w.n_extensions++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
        w.portability = true;
    }
    if (!lat_env_has("LATTN_CHECK", "validation"))
        return w;
    if (!offers_layer(dev, validation_layer)) {
        lat_log(LATTN_LOG_WARN, "LATTN_CHECK=validation: %s is not installed", validation_layer);
        return w;
    }
    w.layers[w.n_layers++] = validation_layer;
    if (offers_extension(dev, validation_layer, VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME)) {
        w.extensions[w.n_extensions++] = VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME;
        w.validation_features = true;
    }
    return w;
}

static lattn_status create_instance(struct lat_device *dev)
{
    uint32_t version = 0;
    LAT_TRY(LAT_VK(dev, dev->vk.EnumerateInstanceVersion(&version), "Vulkan loader version"));
    if (version < VK_API_VERSION_1_2)
        return lat_err(LATTN_ERR_NO_DEVICE, "the Vulkan loader is %u.%u, at least 1.2 is needed",
            VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version));
    dev->instance_version = LAT_MIN(version, VK_API_VERSION_1_3);

    struct wanted w = choose_names(dev);
    VkDebugUtilsMessengerCreateInfoEXT messenger = messenger_info(dev);
    VkValidationFeatureEnableEXT sync = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT;
    VkValidationFeaturesEXT validation = {
        .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
        .pNext = w.debug_utils ? &messenger : NULL,
        .enabledValidationFeatureCount = 1,
        .pEnabledValidationFeatures = &sync,
    };
    VkApplicationInfo app = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pEngineName = "liblattn",
        .engineVersion =
            VK_MAKE_API_VERSION(0, LATTN_VERSION_MAJOR, LATTN_VERSION_MINOR, LATTN_VERSION_PATCH),
        .apiVersion = dev->instance_version,
    };
    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pNext = w.validation_features ? (void *) &validation : validation.pNext,
        .flags = w.portability ? VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR : 0,
        .pApplicationInfo = &app,
        .enabledLayerCount = w.n_layers,
        .ppEnabledLayerNames = w.layers,
        .enabledExtensionCount = w.n_extensions,
        .ppEnabledExtensionNames = w.extensions,
    };
    VkResult r = dev->vk.CreateInstance(&info, NULL, &dev->instance);
    if (r == VK_ERROR_INCOMPATIBLE_DRIVER)
        return lat_err(LATTN_ERR_NO_DEVICE,
            "no Vulkan driver is installed; on Debian: apt install mesa-vulkan-drivers");
    LAT_TRY(LAT_VK(dev, r, "vkCreateInstance"));
    dev->owns_instance = true;
    dev->labels = w.debug_utils;
    LAT_TRY(load_instance(dev));
    if (!w.debug_utils || !dev->vk.CreateDebugUtilsMessengerEXT)
        return LATTN_OK;
    return LAT_VK(dev,
        dev->vk.CreateDebugUtilsMessengerEXT(dev->instance, &messenger, NULL, &dev->messenger),
        "vkCreateDebugUtilsMessengerEXT");
}

lattn_status lat_instance_open(struct lat_device *dev, const lattn_vulkan_handles *handles)
{
    if (handles && handles->get_instance_proc_addr)
        memcpy(&dev->vk.GetInstanceProcAddr, &handles->get_instance_proc_addr,
            sizeof dev->vk.GetInstanceProcAddr);
    else
        LAT_TRY(open_loader(dev));

    if (!handles || !handles->instance) {
        LAT_TRY(load_global(dev));
        return create_instance(dev);
    }
    dev->instance = handles->instance;
    dev->instance_version = LAT_MAX(handles->api_version, VK_API_VERSION_1_0);
    return load_instance(dev);
}

void lat_instance_close(struct lat_device *dev)
{
    if (dev->messenger)
        dev->vk.DestroyDebugUtilsMessengerEXT(dev->instance, dev->messenger, NULL);
    dev->messenger = VK_NULL_HANDLE;
    if (dev->owns_instance && dev->instance && dev->vk.DestroyInstance)
        dev->vk.DestroyInstance(dev->instance, NULL);
    dev->instance = NULL;
    lat_library_close(&dev->loader);
}

lattn_status lat_instance_devices(struct lat_device *dev, VkPhysicalDevice **out, uint32_t *n)
{
    *out = NULL;
    *n = 0;
    uint32_t count = 0;
    VkResult r = dev->vk.EnumeratePhysicalDevices(dev->instance, &count, NULL);
    if (r == VK_ERROR_INITIALIZATION_FAILED)
        return lat_err(LATTN_ERR_NO_DEVICE, "no Vulkan driver could be started");
    LAT_TRY(LAT_VK(dev, r, "vkEnumeratePhysicalDevices"));
    if (count == 0)
        return lat_err(LATTN_ERR_NO_DEVICE, "the Vulkan drivers found no device");
    *out = lat_calloc(count, sizeof **out);
    if (!*out)
        return LATTN_ERR_HOST_MEMORY;
    r = dev->vk.EnumeratePhysicalDevices(dev->instance, &count, *out);
    if (r == VK_INCOMPLETE)  // one appeared in between; the first ones will do
        r = VK_SUCCESS;
    lattn_status st = LAT_VK(dev, r, "vkEnumeratePhysicalDevices");
    if (st) {
        lat_free(*out);
        *out = NULL;
        return st;
    }
    *n = count;
    return LATTN_OK;
}
