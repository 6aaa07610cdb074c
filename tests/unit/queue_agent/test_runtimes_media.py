"""Kinds of files, by their first bytes and by their names."""

import pytest

from queue_agent.runtimes.media import SNIFFED_BYTES, UNKNOWN, kind_of_data, kind_of_name


@pytest.mark.parametrize(
    ("data", "extension", "content_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "png", "image/png"),
        (b"\xff\xd8\xff\xe0", "jpg", "image/jpeg"),
        (b"RIFF\x1a\0\0\0WEBPVP8X", "webp", "image/webp"),
        (b"GIF89a", "gif", "image/gif"),
        (b"\0\0\0\x1cftypavif", "avif", "image/avif"),
        (b"\0\0\0\x18ftypheic", "heic", "image/heic"),
        (b"\0\0\0\x18ftypmp42", "mp4", "video/mp4"),
        (b"\x1aE\xdf\xa3", "webm", "video/webm"),
        (b"RIFF\x1a\0\0\0WAVEfmt ", "wav", "audio/wav"),
        (b"fLaC", "flac", "audio/flac"),
        (b"glTF", "glb", "model/gltf-binary"),
    ],
)
def test_first_bytes_say_what_a_file_is(data: bytes, extension: str, content_type: str) -> None:
    media = kind_of_data(data[:SNIFFED_BYTES] + b"further")
    assert (media.extension, media.content_type) == (extension, content_type)


@pytest.mark.parametrize("data", [b"", b"\x89", b"<svg xmlns=", b"%PDF-1.7", b"RIFF\0\0\0\0AVI ", b'{"secret": 1}'])
def test_what_nobody_knows_stays_unknown(data: bytes) -> None:
    assert kind_of_data(data) is UNKNOWN


@pytest.mark.parametrize(
    ("name", "extension", "content_type"),
    [
        ("x_00001_.PNG", "png", "image/png"),
        ("a.b.webm", "webm", "video/webm"),
        ("x.latent", "latent", UNKNOWN.content_type),
        ("none", "bin", UNKNOWN.content_type),
        ("a.b/c", "bin", UNKNOWN.content_type),
        ("x.pñg", "bin", UNKNOWN.content_type),
    ],
)
def test_a_name_says_what_a_file_is(name: str, extension: str, content_type: str) -> None:
    media = kind_of_name(name)
    assert (media.extension, media.content_type) == (extension, content_type)
