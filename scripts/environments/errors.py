"""What set-up says when it cannot go on."""


class SetUpError(Exception):
    """Set-up cannot go on: the cause and what to do, in one sentence.

    Args:
        sentence: cause and remedy.
        output: the last lines of the tool that failed; may be empty.
    """

    def __init__(self, sentence: str, output: str = "") -> None:
        super().__init__(sentence)
        self.output: str = output
