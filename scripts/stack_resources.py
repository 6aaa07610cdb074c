"""The resources of a stack, all pages of them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackResourceSummaryTypeDef


def stack_resources(cloudformation: "CloudFormationClient", stack_name: str) -> "list[StackResourceSummaryTypeDef]":
    """Every resource of a stack; a page has a hundred.

    Args:
        cloudformation: the client.
        stack_name: the stack's name, or its id where it has been deleted.
    """
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_name)
    return [resource for page in pages for resource in page["StackResourceSummaries"]]
