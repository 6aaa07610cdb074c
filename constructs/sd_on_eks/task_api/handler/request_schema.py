"""Validators of requests, one for each schema of the contract. Each returns nothing, or raises `ApiError`.

Generated from ../schemas by `make generate`: change a schema instead.

Arguments: the value, and its path in the body with a leading dot.
"""
# Rules of style and types are not for generated code:
# ruff: noqa: ANN401, B904, C405, C901, D103, E501, F841, N806, PLR0912, PLR0915, PLR2004, RUF021, RUF060, SIM102
# fmt: off
# mypy: ignore-errors

import re
from types import NoneType
from typing import Any

from .errors import ApiError
from .wrong_value import missing, unknown, wrong, wrong_choice

REGEX_PATTERNS = {'^(?!(uploads|payloads|parked)(/|$))(?!(.*/)?\\.{1,2}(/|$))([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*/?)?$': re.compile('^(?!(uploads|payloads|parked)(/|\\Z))(?!(.*/)?\\.{1,2}(/|\\Z))([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*/?)?\\Z'), '^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$': re.compile('^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}\\Z'), '^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/uploads/.{1,1000}$': re.compile('^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/uploads/.{1,1000}\\Z')}

def alwayson_scripts(data: Any, path: str) -> None:
    if not isinstance(data, dict):
        raise wrong(path, 'be an object of scripts and their arguments', data)
    data_keys = set(data.keys())
    if 'sd_model_checkpoint' in data_keys:
        data_keys.remove('sd_model_checkpoint')
        data__sdmodelcheckpoint = data['sd_model_checkpoint']
        checkpoint(data__sdmodelcheckpoint, f'{path}.sd_model_checkpoint')
    if 'override_settings' in data_keys:
        data_keys.remove('override_settings')
        data__overridesettings = data['override_settings']
        override_settings(data__overridesettings, f'{path}.override_settings')
    if 'sd_vae' in data_keys:
        data_keys.remove('sd_vae')
        data__sdvae = data['sd_vae']
        if not isinstance(data__sdvae, (str, NoneType)):
            raise wrong(f'{path}.sd_vae', 'be the name of a VAE', data__sdvae)

def checkpoint(data: Any, path: str) -> None:
    if not isinstance(data, (str, NoneType)):
        raise wrong(path, 'be the name of a checkpoint of at most 512 characters', data)
    if isinstance(data, str):
        data_len = len(data)
        if data_len > 512:
            raise wrong(path, 'be the name of a checkpoint of at most 512 characters', data)

def extra_batch_images(data: Any, path: str) -> None:
    extra_images(data, path)
    if not isinstance(data, dict):
        raise wrong(path, 'be an object', data)
    data__missing_keys = set(['imageList']) - data.keys()
    if data__missing_keys:
        raise missing(path, {'imageList': 'be a list of 1 to 64 images, each with name and data'}, data)
    data_keys = set(data.keys())
    if 'imageList' in data_keys:
        data_keys.remove('imageList')
        data__imageList = data['imageList']
        if not isinstance(data__imageList, (list,)):
            raise wrong(f'{path}.imageList', 'be a list of 1 to 64 images, each with name and data', data__imageList)
        data__imageList_len = len(data__imageList)
        if data__imageList_len < 1 or data__imageList_len > 64:
            raise wrong(f'{path}.imageList', 'be a list of 1 to 64 images, each with name and data', data__imageList)
        for data__imageList_x, data__imageList_item in enumerate(data__imageList):
            if not isinstance(data__imageList_item, dict):
                raise wrong(f'{path}.imageList[{data__imageList_x}]', 'be an object with name and data', data__imageList_item)
            data__imageList_item__missing_keys = set(['data', 'name']) - data__imageList_item.keys()
            if data__imageList_item__missing_keys:
                raise missing(f'{path}.imageList[{data__imageList_x}]', {'data': 'be an image in base64, or an https:// or s3:// link to one', 'name': 'be a string'}, data__imageList_item)
            data__imageList_item_keys = set(data__imageList_item.keys())
            if 'data' in data__imageList_item_keys:
                data__imageList_item_keys.remove('data')
                data__imageList_item__data = data__imageList_item['data']
                image(data__imageList_item__data, f'{path}.imageList[{data__imageList_x}].data')
            if 'name' in data__imageList_item_keys:
                data__imageList_item_keys.remove('name')
                data__imageList_item__name = data__imageList_item['name']
                if not isinstance(data__imageList_item__name, str):
                    raise wrong(f'{path}.imageList[{data__imageList_x}].name', 'be a string', data__imageList_item__name)

def extra_images(data: Any, path: str) -> None:
    if not isinstance(data, dict):
        raise wrong(path, 'be an object', data)
    data_keys = set(data.keys())
    if 'resize_mode' in data_keys:
        data_keys.remove('resize_mode')
        data__resizemode = data['resize_mode']
        if not isinstance(data__resizemode, int) and (not (isinstance(data__resizemode, float) and data__resizemode.is_integer())) or isinstance(data__resizemode, bool) or (not (isinstance(data__resizemode, (int, float)) and (not isinstance(data__resizemode, bool)) and (data__resizemode == 0) or (isinstance(data__resizemode, (int, float)) and (not isinstance(data__resizemode, bool)) and (data__resizemode == 1)))):
            raise wrong(f'{path}.resize_mode', 'be 0 or 1', data__resizemode)
    if 'upscaling_resize' in data_keys:
        data_keys.remove('upscaling_resize')
        data__upscalingresize = data['upscaling_resize']
        if not isinstance(data__upscalingresize, (int, float)) or isinstance(data__upscalingresize, bool) or data__upscalingresize > 8 or (data__upscalingresize <= 0):
            raise wrong(f'{path}.upscaling_resize', 'be a number more than 0 and at most 8', data__upscalingresize)
    if 'upscaling_resize_w' in data_keys:
        data_keys.remove('upscaling_resize_w')
        data__upscalingresizew = data['upscaling_resize_w']
        if not isinstance(data__upscalingresizew, int) and (not (isinstance(data__upscalingresizew, float) and data__upscalingresizew.is_integer())) or isinstance(data__upscalingresizew, bool) or data__upscalingresizew < 1 or (data__upscalingresizew > 8192):
            raise wrong(f'{path}.upscaling_resize_w', 'be a whole number from 1 to 8192', data__upscalingresizew)
    if 'upscaling_resize_h' in data_keys:
        data_keys.remove('upscaling_resize_h')
        data__upscalingresizeh = data['upscaling_resize_h']
        if not isinstance(data__upscalingresizeh, int) and (not (isinstance(data__upscalingresizeh, float) and data__upscalingresizeh.is_integer())) or isinstance(data__upscalingresizeh, bool) or data__upscalingresizeh < 1 or (data__upscalingresizeh > 8192):
            raise wrong(f'{path}.upscaling_resize_h', 'be a whole number from 1 to 8192', data__upscalingresizeh)
    if 'upscaling_crop' in data_keys:
        data_keys.remove('upscaling_crop')
        data__upscalingcrop = data['upscaling_crop']
        if not isinstance(data__upscalingcrop, bool):
            raise wrong(f'{path}.upscaling_crop', 'be true or false', data__upscalingcrop)
    if 'upscaler_1' in data_keys:
        data_keys.remove('upscaler_1')
        data__upscaler1 = data['upscaler_1']
        if not isinstance(data__upscaler1, str):
            raise wrong(f'{path}.upscaler_1', 'be the name of an upscaler', data__upscaler1)
    if 'upscaler_2' in data_keys:
        data_keys.remove('upscaler_2')
        data__upscaler2 = data['upscaler_2']
        if not isinstance(data__upscaler2, str):
            raise wrong(f'{path}.upscaler_2', 'be the name of an upscaler', data__upscaler2)
    if 'extras_upscaler_2_visibility' in data_keys:
        data_keys.remove('extras_upscaler_2_visibility')
        data__extrasupscaler2visibility = data['extras_upscaler_2_visibility']
        if not isinstance(data__extrasupscaler2visibility, (int, float)) or isinstance(data__extrasupscaler2visibility, bool) or data__extrasupscaler2visibility < 0 or (data__extrasupscaler2visibility > 1):
            raise wrong(f'{path}.extras_upscaler_2_visibility', 'be a number from 0 to 1', data__extrasupscaler2visibility)
    if 'gfpgan_visibility' in data_keys:
        data_keys.remove('gfpgan_visibility')
        data__gfpganvisibility = data['gfpgan_visibility']
        if not isinstance(data__gfpganvisibility, (int, float)) or isinstance(data__gfpganvisibility, bool) or data__gfpganvisibility < 0 or (data__gfpganvisibility > 1):
            raise wrong(f'{path}.gfpgan_visibility', 'be a number from 0 to 1', data__gfpganvisibility)
    if 'codeformer_visibility' in data_keys:
        data_keys.remove('codeformer_visibility')
        data__codeformervisibility = data['codeformer_visibility']
        if not isinstance(data__codeformervisibility, (int, float)) or isinstance(data__codeformervisibility, bool) or data__codeformervisibility < 0 or (data__codeformervisibility > 1):
            raise wrong(f'{path}.codeformer_visibility', 'be a number from 0 to 1', data__codeformervisibility)
    if 'codeformer_weight' in data_keys:
        data_keys.remove('codeformer_weight')
        data__codeformerweight = data['codeformer_weight']
        if not isinstance(data__codeformerweight, (int, float)) or isinstance(data__codeformerweight, bool) or data__codeformerweight < 0 or (data__codeformerweight > 1):
            raise wrong(f'{path}.codeformer_weight', 'be a number from 0 to 1', data__codeformerweight)
    if 'upscale_first' in data_keys:
        data_keys.remove('upscale_first')
        data__upscalefirst = data['upscale_first']
        if not isinstance(data__upscalefirst, bool):
            raise wrong(f'{path}.upscale_first', 'be true or false', data__upscalefirst)
    if 'show_extras_results' in data_keys:
        data_keys.remove('show_extras_results')
        data__showextrasresults = data['show_extras_results']
        if not isinstance(data__showextrasresults, bool):
            raise wrong(f'{path}.show_extras_results', 'be true or false', data__showextrasresults)

def extra_single_image(data: Any, path: str) -> None:
    extra_images(data, path)
    if not isinstance(data, dict):
        raise wrong(path, 'be an object', data)
    data__missing_keys = set(['image']) - data.keys()
    if data__missing_keys:
        raise missing(path, {'image': 'be an image in base64, or an https:// or s3:// link to one'}, data)
    data_keys = set(data.keys())
    if 'image' in data_keys:
        data_keys.remove('image')
        data__image = data['image']
        image(data__image, f'{path}.image')

def generation(data: Any, path: str) -> None:
    if not isinstance(data, dict):
        raise wrong(path, 'be an object', data)
    data_keys = set(data.keys())
    if 'prompt' in data_keys:
        data_keys.remove('prompt')
        data__prompt = data['prompt']
        if not isinstance(data__prompt, str):
            raise wrong(f'{path}.prompt', 'be a string of at most 1000000 characters', data__prompt)
        data__prompt_len = len(data__prompt)
        if data__prompt_len > 1000000:
            raise wrong(f'{path}.prompt', 'be a string of at most 1000000 characters', data__prompt)
    if 'negative_prompt' in data_keys:
        data_keys.remove('negative_prompt')
        data__negativeprompt = data['negative_prompt']
        if not isinstance(data__negativeprompt, str):
            raise wrong(f'{path}.negative_prompt', 'be a string of at most 1000000 characters', data__negativeprompt)
        data__negativeprompt_len = len(data__negativeprompt)
        if data__negativeprompt_len > 1000000:
            raise wrong(f'{path}.negative_prompt', 'be a string of at most 1000000 characters', data__negativeprompt)
    if 'styles' in data_keys:
        data_keys.remove('styles')
        data__styles = data['styles']
        if not isinstance(data__styles, (list, NoneType)):
            raise wrong(f'{path}.styles', 'be a list of at most 100 names of styles', data__styles)
        data__styles_is_list = isinstance(data__styles, (list,))
        if data__styles_is_list:
            data__styles_len = len(data__styles)
            if data__styles_len > 100:
                raise wrong(f'{path}.styles', 'be a list of at most 100 names of styles', data__styles)
            for data__styles_x, data__styles_item in enumerate(data__styles):
                if not isinstance(data__styles_item, str):
                    raise wrong(f'{path}.styles[{data__styles_x}]', 'be a string', data__styles_item)
    if 'steps' in data_keys:
        data_keys.remove('steps')
        data__steps = data['steps']
        if not isinstance(data__steps, int) and (not (isinstance(data__steps, float) and data__steps.is_integer())) or isinstance(data__steps, bool) or data__steps < 1 or (data__steps > 150):
            raise wrong(f'{path}.steps', 'be a whole number from 1 to 150', data__steps)
    if 'width' in data_keys:
        data_keys.remove('width')
        data__width = data['width']
        if not isinstance(data__width, int) and (not (isinstance(data__width, float) and data__width.is_integer())) or isinstance(data__width, bool) or data__width < 8 or (data__width > 4096):
            raise wrong(f'{path}.width', 'be a whole number from 8 to 4096, a multiple of 8', data__width)
        if isinstance(data__width, int) and isinstance(8, int):
            if data__width % 8 != 0:
                raise wrong(f'{path}.width', 'be a whole number from 8 to 4096, a multiple of 8', data__width)
        else:
            quotient = data__width / 8
            if int(quotient) != quotient or data__width / 8 == float('inf'):
                raise wrong(f'{path}.width', 'be a whole number from 8 to 4096, a multiple of 8', data__width)
    if 'height' in data_keys:
        data_keys.remove('height')
        data__height = data['height']
        if not isinstance(data__height, int) and (not (isinstance(data__height, float) and data__height.is_integer())) or isinstance(data__height, bool) or data__height < 8 or (data__height > 4096):
            raise wrong(f'{path}.height', 'be a whole number from 8 to 4096, a multiple of 8', data__height)
        if isinstance(data__height, int) and isinstance(8, int):
            if data__height % 8 != 0:
                raise wrong(f'{path}.height', 'be a whole number from 8 to 4096, a multiple of 8', data__height)
        else:
            quotient = data__height / 8
            if int(quotient) != quotient or data__height / 8 == float('inf'):
                raise wrong(f'{path}.height', 'be a whole number from 8 to 4096, a multiple of 8', data__height)
    if 'batch_size' in data_keys:
        data_keys.remove('batch_size')
        data__batchsize = data['batch_size']
        if not isinstance(data__batchsize, int) and (not (isinstance(data__batchsize, float) and data__batchsize.is_integer())) or isinstance(data__batchsize, bool) or data__batchsize < 1 or (data__batchsize > 64):
            raise wrong(f'{path}.batch_size', 'be a whole number from 1 to 64', data__batchsize)
    if 'n_iter' in data_keys:
        data_keys.remove('n_iter')
        data__niter = data['n_iter']
        if not isinstance(data__niter, int) and (not (isinstance(data__niter, float) and data__niter.is_integer())) or isinstance(data__niter, bool) or data__niter < 1 or (data__niter > 64):
            raise wrong(f'{path}.n_iter', 'be a whole number from 1 to 64', data__niter)
    if 'cfg_scale' in data_keys:
        data_keys.remove('cfg_scale')
        data__cfgscale = data['cfg_scale']
        if not isinstance(data__cfgscale, (int, float)) or isinstance(data__cfgscale, bool) or data__cfgscale < 0 or (data__cfgscale > 100):
            raise wrong(f'{path}.cfg_scale', 'be a number from 0 to 100', data__cfgscale)
    if 'seed' in data_keys:
        data_keys.remove('seed')
        data__seed = data['seed']
        if not isinstance(data__seed, (int, NoneType)) and (not (isinstance(data__seed, float) and data__seed.is_integer())) or isinstance(data__seed, bool):
            raise wrong(f'{path}.seed', 'be a whole number of at most 64 bits', data__seed)
        if isinstance(data__seed, (int, float)) and (not isinstance(data__seed, bool)):
            if data__seed < -9223372036854775808 or data__seed > 18446744073709551615:
                raise wrong(f'{path}.seed', 'be a whole number of at most 64 bits', data__seed)
    if 'subseed' in data_keys:
        data_keys.remove('subseed')
        data__subseed = data['subseed']
        if not isinstance(data__subseed, (int, NoneType)) and (not (isinstance(data__subseed, float) and data__subseed.is_integer())) or isinstance(data__subseed, bool):
            raise wrong(f'{path}.subseed', 'be a whole number of at most 64 bits', data__subseed)
        if isinstance(data__subseed, (int, float)) and (not isinstance(data__subseed, bool)):
            if data__subseed < -9223372036854775808 or data__subseed > 18446744073709551615:
                raise wrong(f'{path}.subseed', 'be a whole number of at most 64 bits', data__subseed)
    if 'subseed_strength' in data_keys:
        data_keys.remove('subseed_strength')
        data__subseedstrength = data['subseed_strength']
        if not isinstance(data__subseedstrength, (int, float)) or isinstance(data__subseedstrength, bool) or data__subseedstrength < 0 or (data__subseedstrength > 1):
            raise wrong(f'{path}.subseed_strength', 'be a number from 0 to 1', data__subseedstrength)
    if 'sampler_name' in data_keys:
        data_keys.remove('sampler_name')
        data__samplername = data['sampler_name']
        if not isinstance(data__samplername, (str, NoneType)):
            raise wrong(f'{path}.sampler_name', 'be the name of a sampler', data__samplername)
    if 'scheduler' in data_keys:
        data_keys.remove('scheduler')
        data__scheduler = data['scheduler']
        if not isinstance(data__scheduler, (str, NoneType)):
            raise wrong(f'{path}.scheduler', 'be the name of a scheduler', data__scheduler)
    if 'restore_faces' in data_keys:
        data_keys.remove('restore_faces')
        data__restorefaces = data['restore_faces']
        if not isinstance(data__restorefaces, (bool, NoneType)):
            raise wrong(f'{path}.restore_faces', 'be true or false', data__restorefaces)
    if 'tiling' in data_keys:
        data_keys.remove('tiling')
        data__tiling = data['tiling']
        if not isinstance(data__tiling, (bool, NoneType)):
            raise wrong(f'{path}.tiling', 'be true or false', data__tiling)
    if 'refiner_checkpoint' in data_keys:
        data_keys.remove('refiner_checkpoint')
        data__refinercheckpoint = data['refiner_checkpoint']
        if not isinstance(data__refinercheckpoint, (str, NoneType)):
            raise wrong(f'{path}.refiner_checkpoint', 'be the name of a checkpoint', data__refinercheckpoint)
    if 'refiner_switch_at' in data_keys:
        data_keys.remove('refiner_switch_at')
        data__refinerswitchat = data['refiner_switch_at']
        if not isinstance(data__refinerswitchat, (int, float, NoneType)) or isinstance(data__refinerswitchat, bool):
            raise wrong(f'{path}.refiner_switch_at', 'be a number from 0 to 1', data__refinerswitchat)
        if isinstance(data__refinerswitchat, (int, float)) and (not isinstance(data__refinerswitchat, bool)):
            if data__refinerswitchat < 0 or data__refinerswitchat > 1:
                raise wrong(f'{path}.refiner_switch_at', 'be a number from 0 to 1', data__refinerswitchat)
    if 'override_settings' in data_keys:
        data_keys.remove('override_settings')
        data__overridesettings = data['override_settings']
        override_settings(data__overridesettings, f'{path}.override_settings')
    if 'script_name' in data_keys:
        data_keys.remove('script_name')
        data__scriptname = data['script_name']
        if not isinstance(data__scriptname, (str, NoneType)):
            raise wrong(f'{path}.script_name', 'be the name of a script', data__scriptname)
    if 'script_args' in data_keys:
        data_keys.remove('script_args')
        data__scriptargs = data['script_args']
        if not isinstance(data__scriptargs, (list,)):
            raise wrong(f'{path}.script_args', "be a list of the script's arguments", data__scriptargs)
        data__scriptargs_len = len(data__scriptargs)
    if 'alwayson_scripts' in data_keys:
        data_keys.remove('alwayson_scripts')
        data__alwaysonscripts = data['alwayson_scripts']
        alwayson_scripts(data__alwaysonscripts, f'{path}.alwayson_scripts')
    if 'override_settings_restore_afterwards' in data_keys:
        data_keys.remove('override_settings_restore_afterwards')
        data__overridesettingsrestoreafterwards = data['override_settings_restore_afterwards']
    if 'send_images' in data_keys:
        data_keys.remove('send_images')
        data__sendimages = data['send_images']
        if not isinstance(data__sendimages, bool) or not (isinstance(data__sendimages, bool) and data__sendimages is True):
            raise wrong(f'{path}.send_images', 'be true or left out, because the results are read from the response of the server', data__sendimages)

def image(data: Any, path: str) -> None:
    if not isinstance(data, str):
        raise wrong(path, 'be an image in base64, or an https:// or s3:// link to one', data)
    data_len = len(data)
    if data_len < 1:
        raise wrong(path, 'be an image in base64, or an https:// or s3:// link to one', data)

def image_to_image(data: Any, path: str) -> None:
    generation(data, path)
    if not isinstance(data, dict):
        raise wrong(path, 'be an object', data)
    data__missing_keys = set(['init_images']) - data.keys()
    if data__missing_keys:
        raise missing(path, {'init_images': 'be a list of 1 to 16 images'}, data)
    data_keys = set(data.keys())
    if 'init_images' in data_keys:
        data_keys.remove('init_images')
        data__initimages = data['init_images']
        if not isinstance(data__initimages, (list,)):
            raise wrong(f'{path}.init_images', 'be a list of 1 to 16 images', data__initimages)
        data__initimages_len = len(data__initimages)
        if data__initimages_len < 1 or data__initimages_len > 16:
            raise wrong(f'{path}.init_images', 'be a list of 1 to 16 images', data__initimages)
        for data__initimages_x, data__initimages_item in enumerate(data__initimages):
            image(data__initimages_item, f'{path}.init_images[{data__initimages_x}]')
    if 'denoising_strength' in data_keys:
        data_keys.remove('denoising_strength')
        data__denoisingstrength = data['denoising_strength']
        if not isinstance(data__denoisingstrength, (int, float)) or isinstance(data__denoisingstrength, bool) or data__denoisingstrength < 0 or (data__denoisingstrength > 1):
            raise wrong(f'{path}.denoising_strength', 'be a number from 0 to 1', data__denoisingstrength)
    if 'resize_mode' in data_keys:
        data_keys.remove('resize_mode')
        data__resizemode = data['resize_mode']
        if not isinstance(data__resizemode, int) and (not (isinstance(data__resizemode, float) and data__resizemode.is_integer())) or isinstance(data__resizemode, bool) or (not (isinstance(data__resizemode, (int, float)) and (not isinstance(data__resizemode, bool)) and (data__resizemode == 0) or (isinstance(data__resizemode, (int, float)) and (not isinstance(data__resizemode, bool)) and (data__resizemode == 1)) or (isinstance(data__resizemode, (int, float)) and (not isinstance(data__resizemode, bool)) and (data__resizemode == 2)) or (isinstance(data__resizemode, (int, float)) and (not isinstance(data__resizemode, bool)) and (data__resizemode == 3)))):
            raise wrong(f'{path}.resize_mode', 'be 0, 1, 2 or 3', data__resizemode)
    if 'mask' in data_keys:
        data_keys.remove('mask')
        data__mask = data['mask']
        if not isinstance(data__mask, (str, NoneType)):
            raise wrong(f'{path}.mask', 'be an image in base64, or an https:// or s3:// link to one', data__mask)
    if 'mask_blur' in data_keys:
        data_keys.remove('mask_blur')
        data__maskblur = data['mask_blur']
        if not isinstance(data__maskblur, (int, NoneType)) and (not (isinstance(data__maskblur, float) and data__maskblur.is_integer())) or isinstance(data__maskblur, bool):
            raise wrong(f'{path}.mask_blur', 'be a whole number from 0 to 1024', data__maskblur)
        if isinstance(data__maskblur, (int, float)) and (not isinstance(data__maskblur, bool)):
            if data__maskblur < 0 or data__maskblur > 1024:
                raise wrong(f'{path}.mask_blur', 'be a whole number from 0 to 1024', data__maskblur)
    if 'inpainting_fill' in data_keys:
        data_keys.remove('inpainting_fill')
        data__inpaintingfill = data['inpainting_fill']
        if not isinstance(data__inpaintingfill, int) and (not (isinstance(data__inpaintingfill, float) and data__inpaintingfill.is_integer())) or isinstance(data__inpaintingfill, bool) or (not (isinstance(data__inpaintingfill, (int, float)) and (not isinstance(data__inpaintingfill, bool)) and (data__inpaintingfill == 0) or (isinstance(data__inpaintingfill, (int, float)) and (not isinstance(data__inpaintingfill, bool)) and (data__inpaintingfill == 1)) or (isinstance(data__inpaintingfill, (int, float)) and (not isinstance(data__inpaintingfill, bool)) and (data__inpaintingfill == 2)) or (isinstance(data__inpaintingfill, (int, float)) and (not isinstance(data__inpaintingfill, bool)) and (data__inpaintingfill == 3)))):
            raise wrong(f'{path}.inpainting_fill', 'be 0, 1, 2 or 3', data__inpaintingfill)
    if 'inpaint_full_res_padding' in data_keys:
        data_keys.remove('inpaint_full_res_padding')
        data__inpaintfullrespadding = data['inpaint_full_res_padding']
        if not isinstance(data__inpaintfullrespadding, int) and (not (isinstance(data__inpaintfullrespadding, float) and data__inpaintfullrespadding.is_integer())) or isinstance(data__inpaintfullrespadding, bool) or data__inpaintfullrespadding < 0 or (data__inpaintfullrespadding > 4096):
            raise wrong(f'{path}.inpaint_full_res_padding', 'be a whole number from 0 to 4096', data__inpaintfullrespadding)

def override_settings(data: Any, path: str) -> None:
    if not isinstance(data, (dict, NoneType)):
        raise wrong(path, 'be an object of settings', data)
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = set(data.keys())
        if 'sd_model_checkpoint' in data_keys:
            data_keys.remove('sd_model_checkpoint')
            data__sdmodelcheckpoint = data['sd_model_checkpoint']
            checkpoint(data__sdmodelcheckpoint, f'{path}.sd_model_checkpoint')

def pipeline(data: Any, path: str) -> None:
    if not isinstance(data, dict):
        raise wrong(path, 'have at least one node', data)
    data_len = len(data)
    if data_len < 1:
        raise wrong(path, 'have at least one node', data)
    data_keys = set(data.keys())
    for data_key in data:
        if data_key not in []:
            data_value = data.get(data_key)
            if not isinstance(data_value, dict):
                raise wrong(f'{path}.{data_key[:60]}', 'be a node with class_type and inputs', data_value)
            data_value__missing_keys = set(['class_type']) - data_value.keys()
            if data_value__missing_keys:
                raise missing(f'{path}.{data_key[:60]}', {'class_type': "be the name of the node's class"}, data_value)
            data_value_keys = set(data_value.keys())
            if 'class_type' in data_value_keys:
                data_value_keys.remove('class_type')
                data_value__classtype = data_value['class_type']
                if not isinstance(data_value__classtype, str):
                    raise wrong(f'{path}.{data_key[:60]}.class_type', "be the name of the node's class", data_value__classtype)
                data_value__classtype_len = len(data_value__classtype)
                if data_value__classtype_len < 1:
                    raise wrong(f'{path}.{data_key[:60]}.class_type', "be the name of the node's class", data_value__classtype)
            if 'inputs' in data_value_keys:
                data_value_keys.remove('inputs')
                data_value__inputs = data_value['inputs']
                if not isinstance(data_value__inputs, dict):
                    raise wrong(f'{path}.{data_key[:60]}.inputs', 'be an object of names and values', data_value__inputs)
                data_value__inputs_keys = set(data_value__inputs.keys())

def prefix(data: Any, path: str) -> None:
    if not isinstance(data, (str, NoneType)):
        raise wrong(path, 'be segments of letters, digits or ._~- separated by single slashes, at most 512 bytes, the first not `uploads`, `payloads` or `parked`', data)
    if isinstance(data, str):
        data_len = len(data)
        if data_len > 512 or not REGEX_PATTERNS['^(?!(uploads|payloads|parked)(/|$))(?!(.*/)?\\.{1,2}(/|$))([A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*/?)?$'].search(data):
            raise wrong(path, 'be segments of letters, digits or ._~- separated by single slashes, at most 512 bytes, the first not `uploads`, `payloads` or `parked`', data)

def runtime_name(data: Any, path: str) -> None:
    if not isinstance(data, str):
        raise wrong(path, 'be the name of a runtime', data)
    data_len = len(data)
    if data_len < 1 or data_len > 100:
        raise wrong(path, 'be the name of a runtime', data)

def submit_v1alpha1(data: Any, path: str) -> None:
    if not isinstance(data, dict):
        raise wrong(path, 'be an object', data)
    data__missing_keys = set(['alwayson_scripts']) - data.keys()
    if data__missing_keys:
        raise missing(path, {'alwayson_scripts': 'be an object with task, id_task and sd_model_checkpoint'}, data)
    data_keys = set(data.keys())
    if 'alwayson_scripts' in data_keys:
        data_keys.remove('alwayson_scripts')
        data__alwaysonscripts = data['alwayson_scripts']
        if not isinstance(data__alwaysonscripts, dict):
            raise wrong(f'{path}.alwayson_scripts', 'be an object with task, id_task and sd_model_checkpoint', data__alwaysonscripts)
        data__alwaysonscripts__missing_keys = set(['task', 'id_task', 'sd_model_checkpoint']) - data__alwaysonscripts.keys()
        if data__alwaysonscripts__missing_keys:
            raise missing(f'{path}.alwayson_scripts', {'task': 'be text-to-image, image-to-image, extra-single-image or extra-batch-images', 'id_task': 'be 1 to 128 letters, digits or ._~-, the first a letter or digit', 'sd_model_checkpoint': 'be a non-empty string, the file name of a checkpoint'}, data__alwaysonscripts)
        data__alwaysonscripts_keys = set(data__alwaysonscripts.keys())
        if 'task' in data__alwaysonscripts_keys:
            data__alwaysonscripts_keys.remove('task')
            data__alwaysonscripts__task = data__alwaysonscripts['task']
            if not isinstance(data__alwaysonscripts__task, str):
                raise wrong(f'{path}.alwayson_scripts.task', 'be text-to-image, image-to-image, extra-single-image or extra-batch-images', data__alwaysonscripts__task)
            if not (isinstance(data__alwaysonscripts__task, str) and data__alwaysonscripts__task == 'text-to-image' or (isinstance(data__alwaysonscripts__task, str) and data__alwaysonscripts__task == 'image-to-image') or (isinstance(data__alwaysonscripts__task, str) and data__alwaysonscripts__task == 'extra-single-image') or (isinstance(data__alwaysonscripts__task, str) and data__alwaysonscripts__task == 'extra-batch-images')):
                raise wrong_choice(f'{path}.alwayson_scripts.task', 'be text-to-image, image-to-image, extra-single-image or extra-batch-images', data__alwaysonscripts__task, ('text-to-image', 'image-to-image', 'extra-single-image', 'extra-batch-images'))
        if 'id_task' in data__alwaysonscripts_keys:
            data__alwaysonscripts_keys.remove('id_task')
            data__alwaysonscripts__idtask = data__alwaysonscripts['id_task']
            task_id(data__alwaysonscripts__idtask, f'{path}.alwayson_scripts.id_task')
        if 'sd_model_checkpoint' in data__alwaysonscripts_keys:
            data__alwaysonscripts_keys.remove('sd_model_checkpoint')
            data__alwaysonscripts__sdmodelcheckpoint = data__alwaysonscripts['sd_model_checkpoint']
            if not isinstance(data__alwaysonscripts__sdmodelcheckpoint, str):
                raise wrong(f'{path}.alwayson_scripts.sd_model_checkpoint', 'be a non-empty string, the file name of a checkpoint', data__alwaysonscripts__sdmodelcheckpoint)
            data__alwaysonscripts__sdmodelcheckpoint_len = len(data__alwaysonscripts__sdmodelcheckpoint)
            if data__alwaysonscripts__sdmodelcheckpoint_len < 1 or data__alwaysonscripts__sdmodelcheckpoint_len > 512:
                raise wrong(f'{path}.alwayson_scripts.sd_model_checkpoint', 'be a non-empty string, the file name of a checkpoint', data__alwaysonscripts__sdmodelcheckpoint)
        if 'override_settings' in data__alwaysonscripts_keys:
            data__alwaysonscripts_keys.remove('override_settings')
            data__alwaysonscripts__overridesettings = data__alwaysonscripts['override_settings']
            override_settings(data__alwaysonscripts__overridesettings, f'{path}.alwayson_scripts.override_settings')
        if 'sd_vae' in data__alwaysonscripts_keys:
            data__alwaysonscripts_keys.remove('sd_vae')
            data__alwaysonscripts__sdvae = data__alwaysonscripts['sd_vae']
            if not isinstance(data__alwaysonscripts__sdvae, (str, NoneType)):
                raise wrong(f'{path}.alwayson_scripts.sd_vae', 'be the name of a VAE', data__alwaysonscripts__sdvae)
        if 'save_dir' in data__alwaysonscripts_keys:
            data__alwaysonscripts_keys.remove('save_dir')
            data__alwaysonscripts__savedir = data__alwaysonscripts['save_dir']
            prefix(data__alwaysonscripts__savedir, f'{path}.alwayson_scripts.save_dir')
        if 'image_link' in data__alwaysonscripts_keys:
            data__alwaysonscripts_keys.remove('image_link')
            data__alwaysonscripts__imagelink = data__alwaysonscripts['image_link']
            if not isinstance(data__alwaysonscripts__imagelink, (str, NoneType)):
                raise wrong(f'{path}.alwayson_scripts.image_link', 'be an image in base64, or an https:// or s3:// link to one', data__alwaysonscripts__imagelink)
        if 'uid' in data__alwaysonscripts_keys:
            data__alwaysonscripts_keys.remove('uid')
            data__alwaysonscripts__uid = data__alwaysonscripts['uid']
    if 'override_settings' in data_keys:
        data_keys.remove('override_settings')
        data__overridesettings = data['override_settings']
        override_settings(data__overridesettings, f'{path}.override_settings')

def task_envelope(data: Any, path: str) -> None:
    if not isinstance(data, dict):
        raise wrong(path, 'be an object', data)
    data__missing_keys = set(['task']) - data.keys()
    if data__missing_keys:
        raise missing(path, {'task': 'be an object'}, data)
    data_keys = set(data.keys())
    if 'task' in data_keys:
        data_keys.remove('task')
        data__task = data['task']
        if not isinstance(data__task, dict):
            raise wrong(f'{path}.task', 'be an object', data__task)
        data__task__missing_keys = set(['metadata']) - data__task.keys()
        if data__task__missing_keys:
            raise missing(f'{path}.task', {'metadata': 'be an object'}, data__task)
        data__task_keys = set(data__task.keys())
        if 'metadata' in data__task_keys:
            data__task_keys.remove('metadata')
            data__task__metadata = data__task['metadata']
            task_metadata(data__task__metadata, f'{path}.task.metadata')
        if 'content' in data__task_keys:
            data__task_keys.remove('content')
            data__task__content = data__task['content']
            if not isinstance(data__task__content, dict):
                raise wrong(f'{path}.task.content', 'be an object', data__task__content)
        if 'content_ref' in data__task_keys:
            data__task_keys.remove('content_ref')
            data__task__contentref = data__task['content_ref']
            if not isinstance(data__task__contentref, str) or not REGEX_PATTERNS['^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/uploads/.{1,1000}$'].search(data__task__contentref):
                raise wrong(f'{path}.task.content_ref', 'be the content_ref of an upload, s3://<output bucket>/uploads/...', data__task__contentref)
        if data__task_keys:
            raise unknown(f'{path}.task', ('metadata', 'content', 'content_ref'), data__task)
        try:
            data__task_is_dict = isinstance(data__task, dict)
            if data__task_is_dict:
                data__task__missing_keys = set(['content_ref']) - data__task.keys()
                if data__task__missing_keys:
                    raise missing(f'{path}.task', {'content_ref': 'be an object'}, data__task)
        except ApiError:
            data__task_is_dict = isinstance(data__task, dict)
            if data__task_is_dict:
                data__task__missing_keys = set(['content']) - data__task.keys()
                if data__task__missing_keys:
                    raise missing(f'{path}.task', {'content': 'be an object'}, data__task)
        else:
            data__task_is_dict = isinstance(data__task, dict)
            if data__task_is_dict:
                data__task_keys = set(data__task.keys())
                if 'content' in data__task_keys:
                    data__task_keys.remove('content')
                    data__task__content = data__task['content']
                    raise wrong(f'{path}.task.content', 'be left out if content_ref is sent', data__task__content)
    if data_keys:
        raise unknown(path, ('task',), data)

def task_id(data: Any, path: str) -> None:
    if not isinstance(data, str) or not REGEX_PATTERNS['^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$'].search(data):
        raise wrong(path, 'be 1 to 128 letters, digits or ._~-, the first a letter or digit', data)

def task_metadata(data: Any, path: str) -> None:
    if not isinstance(data, dict):
        raise wrong(path, 'be an object', data)
    data__missing_keys = set(['id', 'runtime', 'tasktype']) - data.keys()
    if data__missing_keys:
        raise missing(path, {'id': 'be 1 to 128 letters, digits or ._~-, the first a letter or digit', 'runtime': 'be the name of a runtime', 'tasktype': 'be text-to-image, image-to-image, extra-single-image, extra-batch-images or pipeline'}, data)
    data_keys = set(data.keys())
    if 'id' in data_keys:
        data_keys.remove('id')
        data__id = data['id']
        task_id(data__id, f'{path}.id')
    if 'runtime' in data_keys:
        data_keys.remove('runtime')
        data__runtime = data['runtime']
        runtime_name(data__runtime, f'{path}.runtime')
    if 'tasktype' in data_keys:
        data_keys.remove('tasktype')
        data__tasktype = data['tasktype']
        tasktype(data__tasktype, f'{path}.tasktype')
    if 'prefix' in data_keys:
        data_keys.remove('prefix')
        data__prefix = data['prefix']
        prefix(data__prefix, f'{path}.prefix')
    if 'context' in data_keys:
        data_keys.remove('context')
        data__context = data['context']
    if 'inputs' in data_keys:
        data_keys.remove('inputs')
        data__inputs = data['inputs']
        if not isinstance(data__inputs, (dict, NoneType)):
            raise wrong(f'{path}.inputs', 'be an object of at most 32 names and their files', data__inputs)
        data__inputs_is_dict = isinstance(data__inputs, dict)
        if data__inputs_is_dict:
            data__inputs_len = len(data__inputs)
            if data__inputs_len > 32:
                raise wrong(f'{path}.inputs', 'be an object of at most 32 names and their files', data__inputs)
            data__inputs_keys = set(data__inputs.keys())
            for data__inputs_key in data__inputs:
                if data__inputs_key not in []:
                    data__inputs_value = data__inputs.get(data__inputs_key)
                    if not isinstance(data__inputs_value, str):
                        raise wrong(f'{path}.inputs.{data__inputs_key[:60]}', 'be a file in base64, or an https:// or s3:// link to one', data__inputs_value)
                    data__inputs_value_len = len(data__inputs_value)
                    if data__inputs_value_len < 1:
                        raise wrong(f'{path}.inputs.{data__inputs_key[:60]}', 'be a file in base64, or an https:// or s3:// link to one', data__inputs_value)
    if 'expires_at' in data_keys:
        data_keys.remove('expires_at')
        data__expiresat = data['expires_at']
        if not isinstance(data__expiresat, (str, int, float, NoneType)) or isinstance(data__expiresat, bool):
            raise wrong(f'{path}.expires_at', 'be a time such as 2026-11-24T10:00:00Z or epoch seconds', data__expiresat)
    if data_keys:
        raise unknown(path, ('id', 'runtime', 'tasktype', 'prefix', 'context', 'inputs', 'expires_at'), data)

def tasktype(data: Any, path: str) -> None:
    if not isinstance(data, str):
        raise wrong(path, 'be text-to-image, image-to-image, extra-single-image, extra-batch-images or pipeline', data)
    if not (isinstance(data, str) and data == 'text-to-image' or (isinstance(data, str) and data == 'image-to-image') or (isinstance(data, str) and data == 'extra-single-image') or (isinstance(data, str) and data == 'extra-batch-images') or (isinstance(data, str) and data == 'pipeline')):
        raise wrong_choice(path, 'be text-to-image, image-to-image, extra-single-image, extra-batch-images or pipeline', data, ('text-to-image', 'image-to-image', 'extra-single-image', 'extra-batch-images', 'pipeline'))

def text_to_image(data: Any, path: str) -> None:
    generation(data, path)
    if not isinstance(data, dict):
        raise wrong(path, 'be an object', data)
    data_keys = set(data.keys())
    if 'enable_hr' in data_keys:
        data_keys.remove('enable_hr')
        data__enablehr = data['enable_hr']
        if not isinstance(data__enablehr, bool):
            raise wrong(f'{path}.enable_hr', 'be true or false', data__enablehr)
    if 'hr_scale' in data_keys:
        data_keys.remove('hr_scale')
        data__hrscale = data['hr_scale']
        if not isinstance(data__hrscale, (int, float)) or isinstance(data__hrscale, bool) or data__hrscale < 1 or (data__hrscale > 8):
            raise wrong(f'{path}.hr_scale', 'be a number from 1 to 8', data__hrscale)
    if 'hr_resize_x' in data_keys:
        data_keys.remove('hr_resize_x')
        data__hrresizex = data['hr_resize_x']
        if not isinstance(data__hrresizex, int) and (not (isinstance(data__hrresizex, float) and data__hrresizex.is_integer())) or isinstance(data__hrresizex, bool) or data__hrresizex < 0 or (data__hrresizex > 8192):
            raise wrong(f'{path}.hr_resize_x', 'be a whole number from 0 to 8192', data__hrresizex)
    if 'hr_resize_y' in data_keys:
        data_keys.remove('hr_resize_y')
        data__hrresizey = data['hr_resize_y']
        if not isinstance(data__hrresizey, int) and (not (isinstance(data__hrresizey, float) and data__hrresizey.is_integer())) or isinstance(data__hrresizey, bool) or data__hrresizey < 0 or (data__hrresizey > 8192):
            raise wrong(f'{path}.hr_resize_y', 'be a whole number from 0 to 8192', data__hrresizey)
    if 'hr_second_pass_steps' in data_keys:
        data_keys.remove('hr_second_pass_steps')
        data__hrsecondpasssteps = data['hr_second_pass_steps']
        if not isinstance(data__hrsecondpasssteps, int) and (not (isinstance(data__hrsecondpasssteps, float) and data__hrsecondpasssteps.is_integer())) or isinstance(data__hrsecondpasssteps, bool) or data__hrsecondpasssteps < 0 or (data__hrsecondpasssteps > 150):
            raise wrong(f'{path}.hr_second_pass_steps', 'be a whole number from 0 to 150', data__hrsecondpasssteps)
    if 'hr_upscaler' in data_keys:
        data_keys.remove('hr_upscaler')
        data__hrupscaler = data['hr_upscaler']
        if not isinstance(data__hrupscaler, (str, NoneType)):
            raise wrong(f'{path}.hr_upscaler', 'be the name of an upscaler', data__hrupscaler)
    if 'denoising_strength' in data_keys:
        data_keys.remove('denoising_strength')
        data__denoisingstrength = data['denoising_strength']
        if not isinstance(data__denoisingstrength, (int, float, NoneType)) or isinstance(data__denoisingstrength, bool):
            raise wrong(f'{path}.denoising_strength', 'be a number from 0 to 1', data__denoisingstrength)
        if isinstance(data__denoisingstrength, (int, float)) and (not isinstance(data__denoisingstrength, bool)):
            if data__denoisingstrength < 0 or data__denoisingstrength > 1:
                raise wrong(f'{path}.denoising_strength', 'be a number from 0 to 1', data__denoisingstrength)

def upload_request(data: Any, path: str) -> None:
    if not isinstance(data, dict):
        raise wrong(path, 'be an object', data)
    data__missing_keys = set(['content_type', 'content_length']) - data.keys()
    if data__missing_keys:
        raise missing(path, {'content_type': 'be application/json, image/png, image/jpeg, image/webp, image/gif, image/bmp, image/tiff, image/avif, image/heic, image/heif, image/jxl, image/jp2, image/aces, image/x-exr, image/vnd.adobe.photoshop, video/mp4, video/webm, video/quicktime, video/x-matroska, video/x-msvideo, video/mp2t, video/mpeg, video/x-flv, video/x-ms-wmv, video/ogg, video/3gpp, audio/wav, audio/mpeg, audio/flac, audio/ogg, audio/mp4, audio/aac, audio/aiff, audio/x-caf, audio/amr, model/gltf-binary, model/gltf+json, model/obj, model/stl, model/ply, model/fbx or application/octet-stream', 'content_length': 'be a whole number from 1 to 2097152000'}, data)
    data_keys = set(data.keys())
    if 'content_type' in data_keys:
        data_keys.remove('content_type')
        data__contenttype = data['content_type']
        if not isinstance(data__contenttype, str):
            raise wrong(f'{path}.content_type', 'be application/json, image/png, image/jpeg, image/webp, image/gif, image/bmp, image/tiff, image/avif, image/heic, image/heif, image/jxl, image/jp2, image/aces, image/x-exr, image/vnd.adobe.photoshop, video/mp4, video/webm, video/quicktime, video/x-matroska, video/x-msvideo, video/mp2t, video/mpeg, video/x-flv, video/x-ms-wmv, video/ogg, video/3gpp, audio/wav, audio/mpeg, audio/flac, audio/ogg, audio/mp4, audio/aac, audio/aiff, audio/x-caf, audio/amr, model/gltf-binary, model/gltf+json, model/obj, model/stl, model/ply, model/fbx or application/octet-stream', data__contenttype)
        if not (isinstance(data__contenttype, str) and data__contenttype == 'application/json' or (isinstance(data__contenttype, str) and data__contenttype == 'image/png') or (isinstance(data__contenttype, str) and data__contenttype == 'image/jpeg') or (isinstance(data__contenttype, str) and data__contenttype == 'image/webp') or (isinstance(data__contenttype, str) and data__contenttype == 'image/gif') or (isinstance(data__contenttype, str) and data__contenttype == 'image/bmp') or (isinstance(data__contenttype, str) and data__contenttype == 'image/tiff') or (isinstance(data__contenttype, str) and data__contenttype == 'image/avif') or (isinstance(data__contenttype, str) and data__contenttype == 'image/heic') or (isinstance(data__contenttype, str) and data__contenttype == 'image/heif') or (isinstance(data__contenttype, str) and data__contenttype == 'image/jxl') or (isinstance(data__contenttype, str) and data__contenttype == 'image/jp2') or (isinstance(data__contenttype, str) and data__contenttype == 'image/aces') or (isinstance(data__contenttype, str) and data__contenttype == 'image/x-exr') or (isinstance(data__contenttype, str) and data__contenttype == 'image/vnd.adobe.photoshop') or (isinstance(data__contenttype, str) and data__contenttype == 'video/mp4') or (isinstance(data__contenttype, str) and data__contenttype == 'video/webm') or (isinstance(data__contenttype, str) and data__contenttype == 'video/quicktime') or (isinstance(data__contenttype, str) and data__contenttype == 'video/x-matroska') or (isinstance(data__contenttype, str) and data__contenttype == 'video/x-msvideo') or (isinstance(data__contenttype, str) and data__contenttype == 'video/mp2t') or (isinstance(data__contenttype, str) and data__contenttype == 'video/mpeg') or (isinstance(data__contenttype, str) and data__contenttype == 'video/x-flv') or (isinstance(data__contenttype, str) and data__contenttype == 'video/x-ms-wmv') or (isinstance(data__contenttype, str) and data__contenttype == 'video/ogg') or (isinstance(data__contenttype, str) and data__contenttype == 'video/3gpp') or (isinstance(data__contenttype, str) and data__contenttype == 'audio/wav') or (isinstance(data__contenttype, str) and data__contenttype == 'audio/mpeg') or (isinstance(data__contenttype, str) and data__contenttype == 'audio/flac') or (isinstance(data__contenttype, str) and data__contenttype == 'audio/ogg') or (isinstance(data__contenttype, str) and data__contenttype == 'audio/mp4') or (isinstance(data__contenttype, str) and data__contenttype == 'audio/aac') or (isinstance(data__contenttype, str) and data__contenttype == 'audio/aiff') or (isinstance(data__contenttype, str) and data__contenttype == 'audio/x-caf') or (isinstance(data__contenttype, str) and data__contenttype == 'audio/amr') or (isinstance(data__contenttype, str) and data__contenttype == 'model/gltf-binary') or (isinstance(data__contenttype, str) and data__contenttype == 'model/gltf+json') or (isinstance(data__contenttype, str) and data__contenttype == 'model/obj') or (isinstance(data__contenttype, str) and data__contenttype == 'model/stl') or (isinstance(data__contenttype, str) and data__contenttype == 'model/ply') or (isinstance(data__contenttype, str) and data__contenttype == 'model/fbx') or (isinstance(data__contenttype, str) and data__contenttype == 'application/octet-stream')):
            raise wrong_choice(f'{path}.content_type', 'be application/json, image/png, image/jpeg, image/webp, image/gif, image/bmp, image/tiff, image/avif, image/heic, image/heif, image/jxl, image/jp2, image/aces, image/x-exr, image/vnd.adobe.photoshop, video/mp4, video/webm, video/quicktime, video/x-matroska, video/x-msvideo, video/mp2t, video/mpeg, video/x-flv, video/x-ms-wmv, video/ogg, video/3gpp, audio/wav, audio/mpeg, audio/flac, audio/ogg, audio/mp4, audio/aac, audio/aiff, audio/x-caf, audio/amr, model/gltf-binary, model/gltf+json, model/obj, model/stl, model/ply, model/fbx or application/octet-stream', data__contenttype, ('application/json', 'image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/bmp', 'image/tiff', 'image/avif', 'image/heic', 'image/heif', 'image/jxl', 'image/jp2', 'image/aces', 'image/x-exr', 'image/vnd.adobe.photoshop', 'video/mp4', 'video/webm', 'video/quicktime', 'video/x-matroska', 'video/x-msvideo', 'video/mp2t', 'video/mpeg', 'video/x-flv', 'video/x-ms-wmv', 'video/ogg', 'video/3gpp', 'audio/wav', 'audio/mpeg', 'audio/flac', 'audio/ogg', 'audio/mp4', 'audio/aac', 'audio/aiff', 'audio/x-caf', 'audio/amr', 'model/gltf-binary', 'model/gltf+json', 'model/obj', 'model/stl', 'model/ply', 'model/fbx', 'application/octet-stream'))
    if 'content_length' in data_keys:
        data_keys.remove('content_length')
        data__contentlength = data['content_length']
        if not isinstance(data__contentlength, int) and (not (isinstance(data__contentlength, float) and data__contentlength.is_integer())) or isinstance(data__contentlength, bool) or data__contentlength < 1 or (data__contentlength > 2097152000):
            raise wrong(f'{path}.content_length', 'be a whole number from 1 to 2097152000', data__contentlength)
    if data_keys:
        raise unknown(path, ('content_type', 'content_length'), data)
