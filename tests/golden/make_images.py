#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small pictures in every kind that is read, and what Pillow makes of them, as goldens for
tests/image/test_image.c and tests/image/test_transform.c.

usage: make_images.py [OUTPUT_DIR]      (default: images beside this script)

NAME is the file, NAME.raw its bytes as [C, H, W]. resize_H_W.f32 are results of resizing plane 0 of
rgb.png as float32, little-endian. Needs only Pillow and numpy; made with Pillow 9.4 of Debian 12.
"""
import os
import struct
import sys
import zlib

import numpy as np
from PIL import Image, ImageOps

W, H = 17, 13
out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "images")
os.makedirs(out, exist_ok=True)


def picture():
    """Smooth, so that JPEG keeps it, with a different slope in every channel."""
    y, x = np.mgrid[0:H, 0:W].astype(np.float64)
    planes = [128 + 100 * np.sin(0.4 * x + 0.2 * y), 255 * x / (W - 1), 255 * y / (H - 1)]
    return np.stack([np.clip(np.round(p), 0, 255).astype(np.uint8) for p in planes], axis=2)


def raw(name, pixels):
    """pixels [H, W] or [H, W, C]"""
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    with open(os.path.join(out, name + ".raw"), "wb") as f:
        f.write(np.ascontiguousarray(pixels.transpose(2, 0, 1)).tobytes())


def save(name, image, expected=None, **options):
    path = os.path.join(out, name)
    image.save(path, **options)
    raw(name, np.asarray(Image.open(path)) if expected is None else expected)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def save_interlaced(name, pixels):
    """Adam7, every row with filter 0."""
    data = b""
    for y0, x0, dy, dx in [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
                           (0, 1, 2, 2), (1, 0, 2, 1)]:
        for row in pixels[y0::dy, x0::dx]:
            data += b"\0" + row.tobytes()
    header = struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 1)
    with open(os.path.join(out, name), "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data))
                + chunk(b"IEND", b""))
    assert np.array_equal(np.asarray(Image.open(os.path.join(out, name))), pixels)
    raw(name, pixels)


rgb = picture()
grey = rgb[:, :, 0]
alpha = (np.arange(H * W).reshape(H, W) % 256).astype(np.uint8)
rgba = np.dstack([rgb, alpha])

save("rgb.png", Image.fromarray(rgb))
save("grey.png", Image.fromarray(grey))
save("rgba.png", Image.fromarray(rgba))
save("grey_alpha.png", Image.fromarray(np.dstack([grey, alpha]), "LA"))
wide = grey.astype(np.uint16) * 256 + alpha
save("grey16.png", Image.fromarray(wide.astype(np.int32), "I"), expected=grey)
save("grey1.png", Image.fromarray(grey).convert("1", dither=0),
     expected=np.where(grey >= 128, 255, 0).astype(np.uint8))
few = Image.fromarray(rgb).quantize(7)
save("palette.png", few, expected=np.asarray(few.convert("RGB")))
save("palette_alpha.png", few, transparency=bytes([0, 100, 200]),
     expected=np.asarray(few.convert("RGB")))
opened = Image.open(os.path.join(out, "palette_alpha.png"))
raw("palette_alpha.png", np.asarray(opened.convert("RGBA")))
save_interlaced("interlaced.png", rgb)

save("rgb.jpg", Image.fromarray(rgb), quality=95, subsampling=0)
save("subsampled.jpg", Image.fromarray(rgb), quality=95, subsampling=2)
save("progressive.jpg", Image.fromarray(rgb), quality=95, progressive=True, subsampling=0)
save("grey.jpg", Image.fromarray(grey), quality=95)
Image.fromarray(rgba, "CMYK").save(os.path.join(out, "cmyk.jpg"))
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    name = f"exif{orientation}.jpg"
    Image.fromarray(rgb).save(os.path.join(out, name), quality=95, subsampling=0, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(os.path.join(out, name)))
    raw(name, np.asarray(upright))

save("rgb.bmp", Image.fromarray(rgb))
save("palette.bmp", few, expected=np.asarray(few.convert("RGB")))
save("grey1.bmp", Image.fromarray(grey).convert("1", dither=0),
     expected=np.repeat(np.where(grey >= 128, 255, 0).astype(np.uint8)[:, :, None], 3, axis=2))
save("rgb.ppm", Image.fromarray(rgb))
save("grey.pgm", Image.fromarray(grey))
raw("luma", np.asarray(Image.fromarray(rgb).convert("L")))

for h, w in [(7, 5), (29, 40), (13, 4), (1, 1), (26, 17)]:
    plane = Image.fromarray(grey.astype(np.float32))
    small = np.asarray(plane.resize((w, h), Image.Resampling.BILINEAR), dtype="<f4")
    with open(os.path.join(out, f"resize_{h}_{w}.f32"), "wb") as f:
        f.write(small.tobytes())
