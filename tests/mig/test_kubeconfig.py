"""A kubeconfig names no secret: it names the command that asks for one."""

from mig.kubeconfig import kubeconfig

MADE = kubeconfig("mig", "us-east-1", endpoint="https://1.eks", certificate_authority="QQ==")


def test_the_context_leads_to_the_cluster() -> None:
    """The current context names a cluster and a user that are there."""
    (context,), (user,), (cluster,) = MADE["contexts"], MADE["users"], MADE["clusters"]

    assert MADE["current-context"] == context["name"]
    assert (cluster["name"], user["name"]) == (context["context"]["cluster"], context["context"]["user"])
    assert {"server": "https://1.eks", "certificate-authority-data": "QQ=="} == cluster["cluster"]


def test_the_user_is_a_command() -> None:
    """Tokens live a quarter of an hour, so each use asks for its own."""
    command = MADE["users"][0]["user"]["exec"]

    assert ["mig", "token", "mig", "--region", "us-east-1"] == [command["command"], *command["args"]]
