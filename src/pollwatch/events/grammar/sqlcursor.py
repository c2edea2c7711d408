"""Where a recogniser of SQL is in its tokens, and what it met on the way."""

from __future__ import annotations

from collections.abc import Sequence

from pollwatch.events.grammar.sqltokens import CUT, NUMBER, PUNCT, WORD, Token

DEEPEST = 40
#: Steps a parse may take: over a text that is built to be parsed again and again it gives up.
FUEL = 20_000
_END = Token("end", "")


class No(Exception):  # noqa: N818 - not an error: a way that the grammar does not go
    """The tokens are not what was looked for."""


class Cursor:
    """Where one is in the tokens, and what was met."""

    def __init__(self, tokens: Sequence[Token], at: int = 0, fuel: int = FUEL) -> None:
        """Begin at a token, with so many steps to go."""
        self.tokens = tokens
        self.at = at
        self.met: set[str] = set()
        self.depth = 0
        self.fuel = fuel

    @property
    def now(self) -> Token:
        """The token one stands on."""
        return self.tokens[self.at] if self.at < len(self.tokens) else _END

    def ahead(self, by: int = 1) -> Token:
        """A token further on."""
        return self.tokens[self.at + by] if self.at + by < len(self.tokens) else _END

    @property
    def over(self) -> bool:
        """Nothing is left, or a comment that cuts off the rest."""
        return self.now.kind in {"end", CUT}

    def step(self) -> Token:
        """Take the token one stands on."""
        self.fuel -= 1
        if self.fuel < 0:
            raise No
        token = self.now
        if token.glued and token.kind in {WORD, PUNCT, NUMBER}:
            self.met.add("glued")
        self.at += 1
        return token

    def take(self, *texts: str) -> bool:
        """Take a word or sign if it is one of these."""
        if self.now.kind in {WORD, PUNCT} and self.now.text in texts:
            self.step()
            return True
        return False

    def need(self, *texts: str) -> None:
        """Take a word or sign; at the end of the text nothing is needed any more."""
        if not self.over and not self.take(*texts):
            raise No

    def is_word(self, *texts: str) -> bool:
        """Whether one stands on one of these words or signs."""
        return self.now.kind in {WORD, PUNCT} and self.now.text in texts
