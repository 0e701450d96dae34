"""
The guardrail's rule on claims in the words of the API server: a ValidatingAdmissionPolicy, in CEL.

It stands before everybody who makes a claim, also past our pipeline. Its sentences are those of mig.guardrail, whose
tests hold both to the same answers.
"""

import json
from collections.abc import Collection
from typing import Any

from mig import device_class, guardrail, labels

NAME = "mig-slices-only"
Manifest = dict[str, Any]

_REQUESTS = "has(variables.claim.devices) && has(variables.claim.devices.requests)"


def policy(classes: Collection[str] = device_class.NAMES) -> Manifest:
    """The rule, for claims and their templates in whichever version of the API they are written."""
    rules = {
        "has(r.exactly) && !has(r.firstAvailable)": guardrail.ALTERNATIVES,
        f"!has(r.exactly) || r.exactly.deviceClassName in {json.dumps(sorted(classes))}": guardrail.CLASS,
        "!has(r.exactly) || !has(r.exactly.allocationMode) || r.exactly.allocationMode == 'ExactCount'": guardrail.ALL,
        "!has(r.exactly) || !has(r.exactly.adminAccess) || !r.exactly.adminAccess": guardrail.ADMIN,
        "!has(r.exactly) || !has(r.exactly.selectors) || r.exactly.selectors.all(s, has(s.cel) && "
        f"s.cel.expression.matches({json.dumps(f'^({guardrail.SELECTOR})$')}))": guardrail.CHOICE,
    }
    return {
        **_head("ValidatingAdmissionPolicy"),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [_claims()]},
            "variables": [
                {"name": "claim", "expression": "has(object.spec.spec) ? object.spec.spec : object.spec"},
                {"name": "requests", "expression": f"{_REQUESTS} ? variables.claim.devices.requests : []"},
            ],
            "validations": [
                {"expression": f"variables.requests.all(r, {rule})", "message": f"a request {sentence}"}
                for rule, sentence in rules.items()
            ],
        },
    }


def binding() -> Manifest:
    """Everywhere, and a violation is refused."""
    return {
        **_head("ValidatingAdmissionPolicyBinding"),
        "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    }


def _claims() -> Manifest:
    """
    Only what is being made.

    A claim cannot change what it asks for, and one that is older than the policy must still be able to go: giving up a
    finalizer is an update.
    """
    return {
        "apiGroups": ["resource.k8s.io"],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["resourceclaims", "resourceclaimtemplates"],
    }


def _head(kind: str) -> Manifest:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": NAME, "labels": labels.OURS},
    }
