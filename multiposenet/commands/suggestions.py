"""A parser of command lines that says what may have been meant."""

import argparse
import difflib
import re


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose errors end with the name that is nearest to a wrong one."""

    def parse_args(self, args=None, namespace=None):
        parsed, rest = self.parse_known_args(args, namespace)
        if rest:
            options = [*self._option_string_actions, *self._options_of_verb(parsed)]
            meant = [_nearest(word.partition("=")[0], options) for word in rest]
            self.error(f"unrecognized arguments: {' '.join(rest)}{_hint(meant)}")
        return parsed

    def error(self, message):
        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if choice:
            message += _hint([_nearest(choice[1], re.findall(r"[\w.-]+", choice[2]))])
        super().error(message)

    def _options_of_verb(self, parsed) -> list[str]:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return list(action.choices[getattr(parsed, action.dest)]._option_string_actions)
        return []


def _nearest(word: str, names: list[str]) -> str | None:
    found = difflib.get_close_matches(word, names, n=1)
    return found[0] if found else None


def _hint(meant: list[str | None]) -> str:
    names = list(dict.fromkeys(filter(None, meant)))
    return f"; did you mean {', '.join(names)}?" if names else ""
