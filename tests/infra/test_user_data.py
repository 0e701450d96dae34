"""What a GPU node is told when it boots, and the program that sets its MIG mode among commands that are stand-ins."""

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from email import message_from_string
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES as AWS_TYPES

from infra.user_data import encoded, user_data
from mig.gpu import INSTANCE_TYPES

PROGRAM = str(resources.files("infra").joinpath("boot", "mig-mode.sh"))


def parts(text: str) -> dict[str, Any]:
    """The parts, by type, as what they say."""
    return {
        part.get_content_type(): json.loads(str(part.get_payload()).removeprefix("#cloud-config\n"))
        for part in message_from_string(text).walk()
        if not part.is_multipart()
    }


@pytest.mark.parametrize(
    ("local_disks", "mig_mode", "kinds"),
    [
        pytest.param(True, True, {"application/node.eks.aws", "text/cloud-config"}, id="disks and mode"),
        pytest.param(True, False, {"application/node.eks.aws"}, id="the mode is left to MIG Manager"),
        pytest.param(False, True, {"text/cloud-config"}, id="a type without disks of its own"),
    ],
)
def test_parts(*, local_disks: bool, mig_mode: bool, kinds: set[str]) -> None:
    """Each wish is a part of its own, which cloud-init or nodeadm takes by its type."""
    assert kinds == parts(user_data(local_disks=local_disks, mig_mode=mig_mode)).keys()


def test_nothing_to_say() -> None:
    """Without any wish there is no user data: the template carries none."""
    assert "" == user_data(local_disks=False, mig_mode=False)


def test_disks() -> None:
    """By it nodeadm joins the instance's own disks; where the cluster is stands in the part that EKS adds."""
    config = parts(user_data(local_disks=True, mig_mode=False))["application/node.eks.aws"]

    assert ("node.eks.aws/v1alpha1", "NodeConfig") == (config["apiVersion"], config["kind"])
    assert {"instance": {"localStorage": {"strategy": "RAID0"}}} == config["spec"]


@pytest.mark.parametrize("instance_type", INSTANCE_TYPES)
def test_types_have_disks(instance_type: str) -> None:
    """Every type that is planned for has such disks, by moto's copy of AWS's list."""
    assert AWS_TYPES[instance_type]["InstanceStorageSupported"]


def test_mode_comes_first() -> None:
    """The unit runs before the node joins, at this boot and at each that follows."""
    config = parts(user_data(local_disks=False, mig_mode=True))["text/cloud-config"]
    files = {file["path"]: file["content"] for file in config["write_files"]}
    unit = files["/etc/systemd/system/mig-mode.service"].splitlines()

    assert files["/usr/local/sbin/mig-mode"].startswith("#!/bin/bash\n")
    assert "Before=nodeadm-run.service kubelet.service" in unit
    assert ["systemctl", "enable", "--now", "mig-mode.service"] == config["runcmd"][-1]


def test_size() -> None:
    """EC2 takes 16 KiB of user data, and EKS's own part needs room beside this one."""
    assert len(base64.b64decode(encoded(user_data(local_disks=True, mig_mode=True)))) < 8 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine on which the program is run: its commands write down that they were called."""

    folder: Path

    def boot(self, before: str, after: str) -> list[str]:
        """Boot with modes `current,pending` of its GPUs, which become others when the mode is set; what was called."""
        (self.folder / "calls").write_text("", encoding="utf-8")
        (self.folder / "modes").write_text(before, encoding="utf-8")
        (self.folder / "then").write_text(after, encoding="utf-8")
        subprocess.run(
            ["/bin/bash", PROGRAM],
            check=True,
            capture_output=True,
            env={
                "PATH": f"{self.folder}:{os.environ['PATH']}",
                "STATE_DIRECTORY": str(self.folder),
                "HERE": str(self.folder),
            },
        )
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()


NVIDIA_SMI = """#!/bin/bash
if [ "$1" = -mig ]; then echo "set $2" >> "$HERE/calls"; cp "$HERE/then" "$HERE/modes"; exit 0; fi
[[ "$1" == *current ]] && column=1 || column=2
cut -d, -f$column "$HERE/modes"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One with stand-ins for nvidia-smi, systemctl and sleep."""
    commands = {
        "nvidia-smi": NVIDIA_SMI,
        "systemctl": '#!/bin/bash\necho "$1" >> "$HERE/calls"\n',
        "sleep": "#!/bin/bash\n",
    }
    for name, text in commands.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return Machine(folder=tmp_path)


ON, OFF, PENDING, NONE = "Enabled,Enabled\n", "Disabled,Disabled\n", "Disabled,Enabled\n", "[N/A],[N/A]\n"


@pytest.mark.parametrize(
    ("before", "after", "called"),
    [
        pytest.param(ON * 8, "", [], id="the mode is on"),
        pytest.param(NONE, "", [], id="the GPU has no such mode"),
        pytest.param(OFF * 8, ON * 8, ["set 1"], id="a Hopper takes it up at once"),
        pytest.param(OFF * 8, PENDING * 8, ["set 1", "reboot"], id="an A100 at a reboot"),
        pytest.param(ON * 7 + OFF, ON * 7 + PENDING, ["set 1", "reboot"], id="one of eight is off"),
        pytest.param(OFF * 8, OFF * 8, ["set 1"], id="what cannot be set is left to MIG Manager"),
    ],
)
def test_mode(machine: Machine, before: str, after: str, called: list[str]) -> None:
    """The mode is set where it is off, and only what is pending is worth a reboot."""
    assert called == machine.boot(before, after)


def test_one_reboot(machine: Machine) -> None:
    """A mode that a reboot did not bring is not tried again: a node does not reboot for ever."""
    first, second = machine.boot(OFF, PENDING), machine.boot(PENDING, PENDING)

    assert (["set 1", "reboot"], ["set 1"]) == (first, second)
