"""Tell somebody how a run ended: a program of theirs, or an address. That it fails is a warning, and no more."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from propensity.config.nightly import NotifyConfig

_LOCAL = ("localhost", "127.0.0.1", "::1")
_REFUSED = 300


def notified(notify: NotifyConfig, summary: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the summary to the command and to the webhook; return a warning for each that did not take it.

    No warning holds the address, the arguments, or what either answered: there may be secrets among them.
    """
    trouble = summary["exit_code"] != 0 or summary["warnings"]
    if notify.only_trouble and not trouble:
        return ()
    body = json.dumps(summary, ensure_ascii=False, allow_nan=False).encode()
    warnings: list[str] = []
    if notify.command:
        warnings += _run(notify.command, body, notify.timeout_seconds)
    if notify.webhook is not None:
        warnings += _post(notify.webhook, body, notify.timeout_seconds)
    return tuple(warnings)


def _run(command: tuple[str, ...], body: bytes, timeout: float) -> list[str]:
    name = command[0]
    try:
        ended = subprocess.run(  # noqa: S603 - the operator's own command, as a list, without a shell
            command,
            input=body,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [f"nightly.notify.command {name!r} took longer than {timeout:g} seconds and was stopped"]
    except OSError as error:
        return [f"nightly.notify.command {name!r} cannot be run: {error.strerror}"]
    return [] if ended.returncode == 0 else [f"nightly.notify.command {name!r} ended with {ended.returncode}"]


def _post(variable: str, body: bytes, timeout: float) -> list[str]:
    address = os.environ.get(variable, "")
    try:
        parts = urlsplit(address)
        allowed = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    except ValueError:
        allowed = False
    if not allowed:
        return [
            f"nightly.notify.webhook: the environment variable {variable} holds no https address (http only to this machine)"
        ]
    try:
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            address, data=body, method="POST", headers={"Content-Type": "application/json"}
        )
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout) as answer:
            return [] if answer.status < _REFUSED else [f"nightly.notify.webhook answered {answer.status}"]
    except urllib.error.HTTPError as error:
        return [f"nightly.notify.webhook answered {error.code}"]
    except (OSError, ValueError) as error:
        return [f"nightly.notify.webhook did not answer ({type(error).__name__})"]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The summary goes where the operator sent it, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
