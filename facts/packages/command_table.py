"""Programs that change packages, those that start others, and those that only talk: only data.

A further program is a further row. Names of verbs and options are those of the programs' manuals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

#: What an updater can change outside a rollout; `services` restarts what is serving.
Reach: TypeAlias = Literal["kernel", "gpu", "all", "services"]


@dataclass(frozen=True, slots=True)
class Tool:
    """One program that may change packages.

    Args:
        names: base names of the program.
        verbs: first words that change something; none means that it does without a verb.
        acts: options that change something, with the value that they need, if any.
        harmless: options and verbs with which it changes nothing.
        valued: options whose value is a word of its own, single letters and long ones.
        objects: where given, only a command that names one of these changes something.
    """

    names: tuple[str, ...]
    verbs: frozenset[str] = frozenset()
    acts: Mapping[str, str] = field(default_factory=dict)
    harmless: frozenset[str] = frozenset()
    valued: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    reach: Reach = "all"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Verbs that no other program has: they show what a variable in front of them stands for.
PLAIN_VERBS: Final = _set("dist-upgrade full-upgrade safe-upgrade")

TOOLS: Final = (
    # apt-get(8), apt(8), aptitude(8), nala(8), apt-fast
    Tool(
        ("apt", "apt-get", "aptitude", "apt-fast", "nala"),
        verbs=PLAIN_VERBS
        | _set("upgrade dselect-upgrade install reinstall remove purge autoremove auto-remove")
        | _set("autopurge build-dep satisfy downgrade"),
        harmless=_set("-s --simulate --just-print --dry-run --recon --no-act -d --download-only")
        | _set("--print-uris -h --help -v --version"),
        valued=_set("-o --option -c --config-file -t --target-release --default-release -a")
        | _set("--host-architecture -P --build-profiles -w --width -F --display-format"),
    ),
    # a hold that is taken away by a job is no hold
    Tool(("apt-mark",), verbs=_set("unhold auto"), harmless=_set("-s --dry-run --no-act")),
    Tool(
        ("dpkg",),
        acts=dict.fromkeys(_set("-i --install --unpack -r --remove -P --purge"), ""),
        harmless=_set("--dry-run --no-act --simulate"),
    ),
    Tool(("gdebi",), acts={"-n": "", "--n": "", "--non-interactive": ""}),
    # unattended-upgrade(8); both names are the same program
    Tool(
        ("unattended-upgrade", "unattended-upgrades"),
        harmless=_set("--dry-run --download-only -h --help"),
    ),
    # what apt's timers run: `update` and `install` are the two halves of a day
    Tool(("apt.systemd.daily",), harmless=_set("update")),
    Tool(
        ("systemctl",),
        verbs=_set("start restart reload-or-restart isolate"),
        objects=frozenset(
            f"{name}{end}"
            for name in ("apt-daily-upgrade", "packagekit-offline-update", "fwupd-offline-update")
            for end in ("", ".service")
        )
        | _set("system-update.target"),
    ),
    Tool(
        ("do-release-upgrade",),
        harmless=_set("-c --check-dist-upgrade-only -V --version -h --help"),
    ),
    Tool(("ubuntu-drivers",), verbs=_set("install autoinstall")),
    Tool(
        ("snap",),
        verbs=_set("refresh install remove revert"),
        harmless=_set("--list --time --hold --unhold"),
    ),
    Tool(
        ("fwupdmgr", "fwupdtool"),
        verbs=_set("update upgrade install install-blob reinstall downgrade"),
        reach="gpu",
    ),
    Tool(
        ("pkcon",),
        verbs=_set("update install install-local remove upgrade-system offline-trigger"),
        harmless=_set("--only-download -d"),
    ),
    Tool(
        ("aptdcon",),
        acts=dict.fromkeys(
            _set("-i --install --upgrade --full-upgrade --safe-upgrade --upgrade-system -r")
            | _set("--remove -p --purge --fix-install"),
            "",
        ),
    ),
    Tool(("mintupdate-cli",), verbs=_set("upgrade"), harmless=_set("-d --dry-run")),
    Tool(("mintupdate-automation",), verbs=_set("upgrade autoremove")),
    Tool(("mainline",), acts={"--install-latest": "", "--install": ""}),
    Tool(("mainline",), verbs=_set("install install-latest install-minor uninstall-old")),
    Tool(("purge-old-kernels",)),
    Tool(("pro", "ua", "ubuntu-advantage"), verbs=_set("fix"), harmless=_set("--dry-run")),
    Tool(("topgrade",), harmless=_set("-n --dry-run")),
    Tool(("ansible-pull",), harmless=_set("--check --syntax-check --list-hosts -h --help")),
    Tool(("puppet",), verbs=_set("agent apply"), harmless=_set("--noop")),
    Tool(("chef-client", "cinc-client"), harmless=_set("-W --why-run")),
    Tool(
        ("salt-call",),
        verbs=_set("state.apply state.highstate pkg.upgrade pkg.install pkg.latest"),
        harmless=_set("test=True test=true"),
    ),
    # needrestart(1): mode `a` restarts every service that uses an old library
    Tool(("needrestart",), acts={"-r": "a"}, valued=_set("-r -m -c"), reach="services"),
)

#: Programs that run the command behind them: their options that take a value, and how many words
#: of their own stand before that command.
STARTERS: Final[Mapping[str, tuple[frozenset[str], int]]] = {
    **dict.fromkeys(
        _set("chronic setsid nohup time exec env then do else if while until elif ! { eatmydata")
        | _set("run-one run-this-one builtin fakeroot"),
        (_set("-u -S -C"), 0),
    ),
    "sudo": (_set("-u -g -C -h -p -r -t -T -U --user --group"), 0),
    "doas": (_set("-u -C"), 0),
    "command": (frozenset(), 0),
    "nice": (_set("-n --adjustment"), 0),
    "ionice": (_set("-c -n --class --classdata"), 0),
    "timeout": (_set("-k -s --kill-after --signal"), 1),
    "flock": (_set("-w -E --timeout --wait --conflict-exit-code"), 1),
    "chrt": (_set("-T -P -D"), 1),
    "taskset": (frozenset(), 1),
    "chroot": (frozenset(), 1),
    "stdbuf": (_set("-i -o -e"), 0),
    "xargs": (_set("-n -I -P -L -d -a -s"), 0),
    "systemd-run": (_set("-p -u -t -E --property --unit --on-calendar --slice --description"), 0),
    "systemd-inhibit": (_set("--what --who --why --mode"), 0),
    "systemd-cat": (_set("-t -p --identifier --priority"), 0),
}
#: Options with which a starter only says something about the command behind it.
ASKING: Final[Mapping[str, frozenset[str]]] = {"command": _set("-v -V")}
#: Programs that take a command as one word.
SHELLS: Final = _set("sh bash dash ash zsh ksh busybox su runuser script watch flock eval parallel")
#: Programs that only name others: their words are no commands on this host.
TALKERS: Final = (
    _set("echo printf logger mail mailx mutt sendmail wall notify-send man which type hash whereis")
    | _set("test [ [[ grep egrep fgrep zgrep sed awk cat tac head tail less more ls stat file rm")
    | _set("cp mv ln touch mkdir chmod chown pgrep pkill kill killall ssh scp rsync curl wget")
    | _set("service logrotate case for export alias dpkg-query apt-cache apt-config : #")
    | _set("dpkg-reconfigure debconf-set-selections")
)
#: Extended regular expression of a line that may be a command of one of these programs.
MENTION: Final = (
    "(^|[^A-Za-z0-9_-])("
    + "|".join(sorted({name.replace(".", "[.]") for tool in TOOLS for name in tool.names}))
    + ")([^A-Za-z0-9_-]|$)|(dist|full|safe)-upgrade"
)
