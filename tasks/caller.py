"""Who asks AWS: the account that the credentials at hand are of."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError


def asked_who(sts: Any) -> tuple[str, str]:  # noqa: ANN401 (boto3 makes its clients' types at run time)
    """The account that the credentials are of; else what is wrong with them, by AWS's code or botocore's name of it."""
    try:
        return str(sts.get_caller_identity()["Account"]), ""
    except ClientError as error:
        return "", str(error.response["Error"]["Code"])
    except NoCredentialsError:
        return "", "NoCredentials"
    except BotoCoreError as error:
        return "", type(error).__name__
