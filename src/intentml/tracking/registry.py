"""The registry: models under a name, in versions, one of which an alias such as `champion` points to.

What comes in: the id of a run, a logged model, `models:/name@alias`. What goes out: versions, aliases,
and the model folder of a version on this machine. It judges no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intentml.errors import TrackingError, nearest
from intentml.tracking.pyfunc import MODEL_FOLDER
from intentml.tracking.store import connect, local_database, shown, store_uri, told

SCHEME = "models:/"
DEFAULT_NAME = "intentml"
FINGERPRINT = "fingerprint"

_ASKED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
_LOGGED = re.compile(r"models:/(?P<id>m-[0-9a-f]+)")


@dataclass(frozen=True)
class Version:
    """A registered model.

    Attributes:
        name: Its name.
        number: Its version, from 1.
    """

    name: str
    number: str


def register(
    model_uri: str, name: str = DEFAULT_NAME, tags: Mapping[str, str] | None = None, uri: str | None = None
) -> Version:
    """A new version of `name`, which is made where it is not there.

    Args:
        model_uri: What `Run.model` returned.
        name: The registered name.
        tags: Of the version: fingerprint, as_of, recipe.
        uri: The store, as for `open_run`.

    Raises:
        TrackingError: The store cannot be reached, or refuses the name.
    """
    store = store_uri(uri)
    client = connect(store)
    from mlflow.exceptions import MlflowException

    with told(store):
        try:
            client.create_registered_model(name)
        except MlflowException as problem:
            if problem.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        model_id = model_uri.removeprefix(SCHEME)
        logged = client.get_logged_model(model_id)
        # A server takes no path of its disk; without one, MLflow would look the URI up in whatever store
        # the process has made its default.
        source = model_uri if store.startswith("http") else logged.artifact_location
        made = client.create_model_version(
            name, source, run_id=logged.source_run_id, tags=dict(tags or {}), model_id=model_id
        )
    return Version(name, str(made.version))


def version_of(name: str, fingerprint: str, uri: str | None = None) -> Version | None:
    """The newest version of `name` that is the model with this fingerprint."""
    store = store_uri(uri)
    client = connect(store)
    with told(store):
        versions = client.search_model_versions(f"name = '{name}' and tags.{FINGERPRINT} = '{fingerprint}'")
    newest = max(versions, key=lambda one: int(one.version), default=None)
    return None if newest is None else Version(name, str(newest.version))


def set_alias(version: Version, alias: str, uri: str | None = None) -> str | None:
    """Point an alias at a version; the version it pointed to before."""
    store = store_uri(uri)
    client = connect(store)
    with told(store):
        before = client.get_registered_model(version.name).aliases.get(alias)
        client.set_registered_model_alias(version.name, alias, version.number)
    return None if before is None else str(before)


def model_of_run(run_id: str, uri: str | None = None) -> str:
    """The URI of the model that a run has logged.

    Raises:
        TrackingError: No run has that id, or it logged no model.
    """
    store = _existing(store_uri(uri), run_id)
    client = connect(store)
    from mlflow.exceptions import MlflowException

    with told(store):
        try:
            run = client.get_run(run_id)
        except MlflowException as problem:
            if problem.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise TrackingError(
                f"{run_id} is neither a model folder nor a run in {shown(store)}",
                hint="`intentml train` tells the id of its run",
            ) from None
    logged = run.outputs.model_outputs if run.outputs else []
    if not logged:
        raise TrackingError(
            f"run {run_id} ({run.info.run_name}) has logged no model", hint="name a run of `intentml train`"
        )
    return f"{SCHEME}{logged[-1].model_id}"


def model_with(fingerprint: str, uri: str | None = None) -> str | None:
    """The URI of the newest logged model with this fingerprint; None where no run has logged it."""
    store = store_uri(uri)
    client = connect(store)
    with told(store):
        experiments = [one.experiment_id for one in client.search_experiments()]
        runs = client.search_runs(experiments, f"tags.{FINGERPRINT} = '{fingerprint}'")
    logged = [output.model_id for run in runs if run.outputs for output in run.outputs.model_outputs]
    return f"{SCHEME}{logged[0]}" if logged else None


def local_model(model_uri: str, uri: str | None = None) -> Path:
    """The model folder of a registered or logged model, on this machine.

    Args:
        model_uri: `models:/name@alias`, `models:/name/version`, or what `Run.model` returned.
        uri: The store, as for `open_run`.

    Returns:
        The folder in the store where that is on this machine, else a copy.

    Raises:
        TrackingError: The store, the name, the alias or the version is not there; the message tells
            those that are.
    """
    store = _existing(store_uri(uri), model_uri)
    client = connect(store)
    from mlflow.artifacts import download_artifacts

    logged = _LOGGED.fullmatch(model_uri)
    with told(store):
        if logged:
            place = client.get_logged_model(logged["id"]).artifact_location
        else:
            place = client.get_model_version_download_uri(*_version_asked(client, store, model_uri))
        return Path(download_artifacts(f"{place}/{MODEL_FOLDER}", tracking_uri=store))


def _version_asked(client: Any, store: str, model_uri: str) -> tuple[str, str]:
    """Name and number of a version, which may have been asked for by an alias."""
    asked = _ASKED.fullmatch(model_uri)
    if asked is None:
        raise TrackingError(
            f"{model_uri} names no registered model", hint="write models:/NAME@ALIAS or models:/NAME/VERSION"
        )
    name = asked["name"]
    names = {model.name: model for model in client.search_registered_models(max_results=1000)}
    if name not in names:
        known = ", ".join(nearest(name, names) or sorted(names)[:5])
        raise TrackingError(
            f"no model is registered as {name!r} in {shown(store)}",
            hint=f"registered: {known}"
            if known
            else "register one with `intentml train ... --register NAME`",
        )
    numbers = sorted(int(one.version) for one in client.search_model_versions(f"name = '{name}'"))
    number = asked["version"] or names[name].aliases.get(asked["alias"])
    if number is None or int(number) not in numbers:
        aliases = ", ".join(f"{alias} (version {n})" for alias, n in sorted(names[name].aliases.items()))
        missing = f"alias {asked['alias']!r}" if number is None else f"version {number}"
        raise TrackingError(
            f"model {name} in {shown(store)} has no {missing}: its aliases are {aliases or 'none'}, its "
            f"versions {', '.join(map(str, numbers)) or 'none'}",
            hint="`intentml promote RUN|MODEL_DIR --as champion` sets an alias",
        )
    return name, str(number)


def _existing(store: str, wanted: str) -> str:
    """The store, refused where it is a database that is not there: asking would make an empty one.

    Raises:
        TrackingError: The file does not exist.
    """
    database = local_database(store)
    if database is not None and not database.is_file():
        raise TrackingError(
            f"there is no tracking store {shown(store)} to look for {wanted} in",
            hint="call from the folder where the model was tracked, or set MLFLOW_TRACKING_URI",
        )
    return store
