"""What keeps a script from AWS, each in one sentence that names the way out."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError


@contextmanager
def aws_errors(raised: type[Exception], *, stack_name: str, region_option: str = "") -> Iterator[None]:
    """Replace errors of boto3 by one of the script's, with a sentence for the person at the keyboard.

    Args:
        raised: the script's error.
        stack_name: the stack that it is about.
        region_option: the script's option for the region, where it has one.
    """
    try:
        yield
    except NoCredentialsError as error:
        raise raised("there are no AWS credentials; set AWS_PROFILE or log in") from error
    except NoRegionError as error:
        way_out = f"set AWS_DEFAULT_REGION or give {region_option}" if region_option else "set AWS_DEFAULT_REGION"
        raise raised(f"there is no AWS region; {way_out}") from error
    except ClientError as error:
        details = error.response["Error"]
        message = details.get("Message", "")
        if details.get("Code") == "ValidationError" and "does not exist" in message:  # how CloudFormation says it
            raise raised(f"there is no stack {stack_name} in this account and region") from error
        raise raised(f"AWS refuses {error.operation_name}: {message}") from error
    except (BotoCoreError, ValueError) as error:  # ValueError: of an endpoint URL that is none
        raise raised(f"AWS cannot be asked: {error}") from error
