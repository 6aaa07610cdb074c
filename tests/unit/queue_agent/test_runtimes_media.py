"""Media types, from first bytes and names. The bytes are from real encoders."""

import struct

import pytest

from queue_agent.runtimes.media import SNIFFED_BYTES, UNKNOWN, kind_of_data, kind_of_name, kind_of_start


def riff(form: bytes, chunk: bytes, *, start: bytes = b"RIFF") -> bytes:
    return start + b"\x1a\x05\0\0" + form + chunk + b"\x1c\0\0\0" + bytes(28)


def brands(*names: bytes) -> bytes:
    box = names[0] + b"\0\0\0\0" + b"".join(names)
    return struct.pack(">I", 8 + len(box)) + b"ftyp" + box + b"\0\0\x01\0meta"


def atom(name: bytes, size: int = 200) -> bytes:
    return struct.pack(">I", size) + name + bytes(64)


def packets(count: int, stamp: bytes = b"") -> bytes:
    return (stamp + b"\x47\x40\x11\x10" + b"\xff" * 184) * count


def triangles(count: int, header: bytes = b"exported by a modeller") -> bytes:
    return header.ljust(80, b"\0") + struct.pack("<I", count) + bytes(50 * count)


ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
EBML = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82"
OGG = b"OggS\0\x02" + bytes(22)

FILES = {
    "png": ("image/png", [b"\x89PNG\r\n\x1a\n"]),
    "jpg": ("image/jpeg", [b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xdb"]),
    "webp": ("image/webp", [riff(b"WEBP", b"VP8 "), riff(b"WEBP", b"VP8L"), riff(b"WEBP", b"VP8X")]),
    "gif": ("image/gif", [b"GIF89a", b"GIF87a"]),
    "bmp": ("image/bmp", [b"BM6\x12\0\0"]),
    "tiff": ("image/tiff", [b"II*\0\x08\0", b"MM\0*\0\0", b"II+\0\x08\0", b"MM\0+\0\x08"]),
    "avif": (
        "image/avif",
        [brands(b"avif", b"mif1"), brands(b"avis", b"avif", b"msf1"), brands(b"mif1", b"avif"), b"\0\0\0\x1cftypavif"],
    ),
    "heic": (
        "image/heic",
        [
            *(brands(brand, b"mif1") for brand in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"mif1")),
            brands(b"msf1", b"hevc"),
            b"\0\0\0\x18ftyphevc",
        ],
    ),
    "jxl": ("image/jxl", [b"\xff\x0a\x07\x07", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl "]),
    "jp2": ("image/jp2", [b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 "]),
    "exr": ("image/aces", [b"v/1\x01\x02\0\0\0channels"]),
    "psd": ("image/vnd.adobe.photoshop", [b"8BPS\0\x01" + bytes(6), b"8BPS\0\x02" + bytes(6)]),
    "mp4": ("video/mp4", [brands(b"isom", b"avc1"), brands(b"mp42"), brands(b"M4V "), b"\0\0\0\x18ftypmp42"]),
    "mov": (
        "video/quicktime",
        [
            brands(b"qt  "),
            *(atom(name) for name in (b"moov", b"mdat", b"wide", b"free", b"skip")),
            atom(b"mdat", 1),
            atom(b"mdat", 90_000_000),
        ],
    ),
    "3gp": ("video/3gpp", [brands(b"3gp4", b"isom"), brands(b"3g2a")]),
    "webm": ("video/webm", [EBML + b"\x84webm", b"\x1aE\xdf\xa3"]),
    "mkv": ("video/x-matroska", [EBML + b"\x88matroska"]),
    "avi": ("video/x-msvideo", [riff(b"AVI ", b"LIST")]),
    "ts": ("video/mp2t", [packets(2), packets(30), packets(30, b"\0\0\0\0")]),
    "mpg": ("video/mpeg", [b"\0\0\x01\xba\x21\0\x01\0", b"\0\0\x01\xb3\x04\0"]),
    "flv": ("video/x-flv", [b"FLV\x01\x05\0\0\0\x09"]),
    "wmv": ("video/x-ms-wmv", [ASF]),
    "ogv": ("video/ogg", [OGG + b"\x80theora\x03\x02\x01"]),
    "wav": (
        "audio/wav",
        [
            *(riff(b"WAVE", chunk) for chunk in (b"fmt ", b"JUNK", b"bext", b"LIST")),
            *(riff(b"WAVE", b"ds64", start=start) for start in (b"RF64", b"BW64")),
            bytes.fromhex("726966662e91cf11a5d628db04c10000"),
        ],
    ),
    "flac": ("audio/flac", [b"fLaC\0\0\0\x22"]),
    "ogg": ("audio/ogg", [OGG + b"\x01vorbis", OGG + b"OpusHead"]),
    "mp3": (
        "audio/mpeg",
        [
            b"ID3\x04\0",
            *(b"\xff" + second + b"\x90\x64" for second in (b"\xfb", b"\xfa", b"\xf3", b"\xf2", b"\xe3", b"\xe2")),
            b"\xff\xfb",
        ],
    ),
    "mp2": ("audio/mpeg", [b"\xff\xfd\xe0\x04", b"\xff\xfc\xe0\x04"]),
    "m4a": ("audio/mp4", [brands(b"M4A ", b"isom"), brands(b"M4B ")]),
    "aac": ("audio/aac", [b"\xff\xf1\x50\x80", b"\xff\xf9\x50\x80", b"\xff\xf0\x50\x80", b"\xff\xf8\x50\x80"]),
    "aiff": ("audio/aiff", [b"FORM\0\0\0\xf6AIFFCOMM", b"FORM\0\0\0\xf6AIFCFVER"]),
    "caf": ("audio/x-caf", [b"caff\0\x01\0\0desc"]),
    "amr": ("audio/amr", [b"#!AMR\n", b"#!AMR-WB\n"]),
    "glb": ("model/gltf-binary", [b"glTF\x02\0\0\0"]),
    "gltf": (
        "model/gltf+json",
        [
            b'{"asset":{"version":"2.0"}}',
            b'\xef\xbb\xbf{\n  "asset" : {\n    "generator": "x"',
            b'{"scene":0,"accessors":[{"bufferView":0,' + b" " * 9000 + b'"asset":{}}',
        ],
    ),
    "obj": (
        "model/obj",
        [
            b"# made by hand\n\no Cube\nv 1.0 -1.0 1e-3\nvn 0 0 1\nf 1//1 2//1 3//1\n",
            b"mtllib cube.mtl\r\no Cube\r\nv 1 1 -1 0.5 0.5 0.5\r\n",
            b"v 0 0 0\n" * 2000,
            b"# \xc3\xbcmlaut\n# more\nmtllib a.mtl",
        ],
    ),
    "ply": ("model/ply", [b"ply\nformat ascii 1.0\n", b"ply\r\nformat binary_little_endian 1.0\r\n"]),
    "stl": (
        "model/stl",
        [
            b"solid cube\n facet normal 0 0 1\n",
            b"solid \r\n  facet normal -1 0 0",
            b"solid nothing\nendsolid nothing\n",
            triangles(1),
            triangles(400),
            triangles(2, b"solid as text begins, but binary"),
        ],
    ),
    "fbx": ("model/fbx", [b"Kaydara FBX Binary  \0\x1a\0\xe8\x1c\0\0", b"; FBX 7.4.0 project file\n"]),
}


@pytest.mark.parametrize(
    ("extension", "content_type", "data"),
    [
        pytest.param(extension, content_type, data, id=f"{extension}-{number}")
        for extension, (content_type, files) in FILES.items()
        for number, data in enumerate(files)
    ],
)
def test_first_bytes_say_what_a_file_is(extension: str, content_type: str, data: bytes) -> None:
    media = kind_of_data(data)
    assert (media.extension, media.content_type) == (extension, content_type)
    # The start alone says it as well, and the bytes after it change nothing.
    assert kind_of_start(data[:SNIFFED_BYTES], None) == kind_of_start(data[:SNIFFED_BYTES], len(data)) == media


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89",
        b"<svg xmlns=",
        b"<!DOCTYPE html><html>",
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
        b"%PDF-1.7",
        b'{"secret": 1}',
        b'{"asset": "none", "meshes": 3}',
        b"PK\x03\x04" + bytes(60),
        b"\x1f\x8b\x08" + bytes(60),
        b"\x7fELF" + bytes(60),
        (200).to_bytes(8, "little") + b'{"__metadata__":{}}' + b" " * 200,
        "UTF-16".encode("utf-16"),
        "ÿþ".encode("utf-16"),
        bytes(400),
        b"\xff\xff\xff\xff" * 100,
        b"\xff\xfb\xf0\0",
        b"\xff\xfb\x9c\0",
        b"\xff\xe1\x90\0",
        b"RIFF\0\0\0\0RMIDdata",
        b"FORM\0\0\0\x108SVXVHDR",
        b"not free of charge",
        b"it's wide open",
        b"Good" + b" " * 184 + b"Good",
        b"v 1 2\nf x\n",
        b"v" + (b" " + b"1" * 400) * 8 + b" x\n",  # not a vertex, and the pattern must not backtrack
        b"v 1 2 3\nand what else is in a list\n",
        b"# a comment\n",
        b"solid as a rock\nand so on",
        triangles(3)[:-1],
        triangles(3) + b"\0",
    ],
)
def test_other_data_is_unknown(data: bytes) -> None:
    assert kind_of_data(data) is UNKNOWN


@pytest.mark.parametrize("text", [b"<html>", b"a,b,c\n", b'{"secret": 1}', "жшщ".encode()])
def test_text_is_never_assumed_to_be_a_model_before_its_size_is_known(text: bytes) -> None:
    assert kind_of_start((text * SNIFFED_BYTES)[:SNIFFED_BYTES], None) is UNKNOWN


@pytest.mark.parametrize(
    ("name", "extension", "content_type"),
    [
        ("x_00001_.PNG", "png", "image/png"),
        ("a.b.webm", "webm", "video/webm"),
        ("x.exr", "exr", "image/aces"),
        ("x.stl", "stl", "model/stl"),
        ("x.latent", "latent", UNKNOWN.content_type),
        ("none", "bin", UNKNOWN.content_type),
        ("a.b/c", "bin", UNKNOWN.content_type),
        ("x.pñg", "bin", UNKNOWN.content_type),
    ],
)
def test_a_name_says_what_a_file_is(name: str, extension: str, content_type: str) -> None:
    media = kind_of_name(name)
    assert (media.extension, media.content_type) == (extension, content_type)
