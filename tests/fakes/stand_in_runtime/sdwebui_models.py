"""The SD Web UI's checkpoints and lists, as AUTOMATIC1111 1.10.1 and Forge (2025-06-26) name, load and restore them."""

import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Literal

Flavour = Literal["a1111", "forge"]
FOLDER = "/models"
SAMPLERS = ("DPM++ 2M", "Euler a", "Euler")
SCHEDULERS = (
    ("automatic", "Automatic", None),
    ("karras", "Karras", None),
    ("sgm_uniform", "SGM Uniform", ["SGMUniform"]),
)
STYLES = ("cinematic",)
SETTINGS = {"sd_vae": "Automatic", "CLIP_stop_at_last_layers": 1, "eta_noise_seed_delta": 0}


class Models:
    """The files of the model folder, the server's list, the selected and the loaded checkpoint.

    Attributes:
        disk: paths of the files, below the model folder.
        vaes: file names of the VAEs on the disk.
        selected: the option `sd_model_checkpoint`, in the words in which it was set.
        loaded: path of the checkpoint that is on the GPU.
    """

    def __init__(self, flavour: Flavour, paths: Sequence[str]) -> None:
        self.flavour = flavour
        self.disk = list(paths)
        self.vaes = ["vae-ft-mse.safetensors"]
        self._configured: dict[str, Any] = {}
        self._known: list[str] = []
        self._known_vaes: list[str] = []
        self._hashed: set[str] = set()
        self._at_start = next(iter(paths), None)  # --ckpt
        self.selected: str | None = None
        self.loaded: str | None = None
        self.refresh()
        self.refresh_vaes()
        self._to_load: str | None = self.selected
        self._load()

    def refresh(self) -> None:
        """Refresh the list. Before that the server does not know new files.

        The file of --ckpt becomes the selected one, and what is loaded stays.
        """
        self._known = list(self.disk)
        if self._at_start is not None and self._at_start in self.disk:
            self.selected = self._title(self._at_start)

    def refresh_vaes(self) -> None:
        """As above, for VAEs."""
        self._known_vaes = list(self.vaes)

    def listed(self) -> list[dict[str, Any]]:
        """`/sd-models`."""
        return [
            {
                "title": self._title(path),
                "model_name": _stem(path.replace("/", "_")),
                "hash": _hash(path)[:10] if path in self._hashed else None,
                "sha256": _hash(path) if path in self._hashed else None,
                "filename": f"{FOLDER}/{path}",
                "config": None,
            }
            for path in self._known
        ]

    def listed_vaes(self) -> list[dict[str, Any]]:
        """`/sd-vae` of A1111, `/sd-modules` of Forge."""
        return [{"model_name": name, "filename": f"{FOLDER}/VAE/{name}"} for name in self._known_vaes]

    def options(self) -> dict[str, Any]:
        """`/options`."""
        computed = _hash(self.loaded) if self.loaded in self._hashed and self.loaded is not None else None
        selected = {"sd_model_checkpoint": self.selected, "sd_checkpoint_hash": computed}
        return {**SETTINGS, **self._configured, **selected}

    def configure(self, settings: dict[str, Any]) -> None:
        """Set options, the checkpoint aside."""
        self._configured |= {name: value for name, value in settings.items() if name in SETTINGS}

    def overridden(self, settings: dict[str, Any], *, restores: bool) -> dict[str, Any]:
        """What one request runs with. Restored is only what the configuration holds, and a new server's holds none."""
        before = {name: self._configured[name] for name in settings if name in self._configured}
        self.configure(settings)
        running = self.options()
        if restores:
            self.configure(before)
        return running

    def select(self, name: str) -> bool:
        """Set the option; `False` for a name that the server does not know, which it answers 500."""
        if self._aliases().get(name) is None:
            return False
        self._choose(name)
        if self.flavour == "a1111":  # Forge loads when it next makes an image
            self._load()
        return True

    def _choose(self, name: str) -> None:
        """Forge takes nothing for a choice that names what is selected already."""
        known = self._aliases()
        if self.flavour == "a1111" or known.get(name) != known.get(str(self.selected)):
            self._to_load = name
        self.selected = name

    def run(self, override: Any, *, restores: bool) -> str:
        """Load what one request makes its image with; a name that the server does not know is as if none were there."""
        before = self.selected
        if isinstance(override, str) and override in self._aliases():
            self._choose(override)
        self._load()
        if restores:
            self.selected = before  # what is loaded stays
        if self.loaded is None:
            raise LookupError("You do not have any model!")
        return self.loaded

    def closest(self, text: str) -> str | None:
        """What the server takes for a refiner's or a second pass's name: the first that has it in its title."""
        exact = self._aliases().get(text)
        return exact or next((path for path in sorted(self._known, key=len) if text in self._title(path)), None)

    def go_on_with(self, path: str | None) -> None:
        """Load a refiner's or a second pass's checkpoint; what is selected stays."""
        if path is not None and self.flavour == "a1111":
            self.loaded = path
            self._hashed.add(path)

    def reported(self, path: str) -> str:
        """`info.sd_model_name` of a checkpoint."""
        return _stem(PurePosixPath(path).name)

    def vae(self, name: Any) -> str | None:
        """The VAE that runs for `sd_vae`; an unknown one is as if none were named, and Forge does not read it."""
        return name if self.flavour == "a1111" and name in self._known_vaes else None

    def _load(self) -> None:
        wanted = self.selected if self.flavour == "a1111" else self._to_load
        path = self._aliases().get(str(wanted)) or next(iter(self._known), None)
        if path is not None:
            self.loaded = path
            self._hashed.add(path)

    def _aliases(self) -> dict[str, str]:
        # Of two files with one base name, the later has it.
        found: dict[str, str] = {}
        for path in self._known:
            name = _stem(PurePosixPath(path).name)
            ids = [_stem(path.replace("/", "_")), self._title(path), path, name]
            if path in self._hashed:
                ids += [_hash(path)[:10], _hash(path), f"{name} [{_hash(path)[:10]}]"]
            found.update(dict.fromkeys(ids, path))
        return found

    def _title(self, path: str) -> str:
        return f"{path} [{_hash(path)[:10]}]" if path in self._hashed else path


def sampler_that_runs(name: Any) -> str:
    """The sampler that runs. An unknown name is replaced by the first one."""
    for _, label, aliases in SCHEDULERS:
        for suffix in (label, *(aliases or ())):
            name = str(name or "").removesuffix(f" {suffix}")
    return name if name in SAMPLERS else SAMPLERS[0]


def scheduler_that_runs(name: Any) -> str:
    """The scheduler that runs. An unknown name is replaced by the first one."""
    return next((label for own, label, _ in SCHEDULERS if name in {own, label}), SCHEDULERS[0][1])


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix("")) if PurePosixPath(path).suffix else path


def _hash(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()
