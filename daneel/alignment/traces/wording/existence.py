"""What there is and is not, what remains and seems; who won, and which colour it is."""

from __future__ import annotations

from daneel.alignment.traces.wording.vocabulary import STATE, Rewrites


def _outcome(won: bool, denied: bool) -> str:
    """What a winner, or who is none, did."""
    if denied:
        return "did not win" if won else "did not lose"
    return "won" if won else "lost"


EXISTENCE: Rewrites = (
    (r"\b(is|are|was|were) no (?=[a-z]+$)", r"\1 not a "),
    (r"^the number (?:shown |written |printed )?on (.+?) is\b", r"\1 is"),
    (r"^(\d+|\w+) (?:people|persons|voters|members) voted for (.+)$", r"\2 has \1 votes"),
    (
        rf"\b(?:stays|stayed|remains|remained|appears|appeared|seems|seemed|turns out|proved|"
        rf"proves|appears to be|seems to be|turned out)(?: to be)? (?=(?:not |very |completely |"
        rf"fully )?(?:{STATE})\b)",
        "is ",
    ),
    (
        r"\b(is|are|was|were) (?:very|completely|fully|entirely|totally|brightly|quite|definitely|"
        r"certainly|clearly|really|indeed|also|still|now still|actually|in fact|therefore|thus|"
        r"hence|consequently|always|(?<!t )even(?= though)) ",
        r"\1 ",
    ),
    (r"\bfully (?=charged|open|closed|loaded)", ""),
    (r"\bthere is(?: not|n't)? (?:nobody|no one|no-one|not anyone|no person)\b", "nobody is"),
    (r"\bthere (?:is|was) (?:not anybody|not anyone)\b", "nobody is"),
    (r"\bthere (is|was|are|were) not (?:any|a|an)\b", r"there \1 no"),
    (
        r"\b(has|have|had|contains?|holds?|owns?|carries) (?:nothing|not anything)\b",
        r"\1 not anything",
    ),
    (r"\bno[- ]one\b", "nobody"),
    (r"\beach and every\b", "every"),
    (r"\bnot one\b(?! of)", "no"),
    (r"\b(?:is|are) (?:in existence|existent)\b", "exists"),
    (r"\b(?:does|do|did) not exist\b", "is missing"),
    (r"\bexists\b(?! (?:an?|at|no|some))", "is not missing"),
    (r"\b(?:is|are) (?:not there|nowhere to be found|gone)\b", "is missing"),
    (r"^nothing (?:is|was) (?:left )?(?:in|inside|on) (the [\w ]+|\w+)$", r"\1 is empty"),
    (r"^there (?:is|was) nothing (?:left )?(?:in|inside|on) (the [\w ]+|\w+)$", r"\1 is empty"),
)
ROLES: Rewrites = (
    (r"\b(\w+)'s colou?r (is|was)\b", r"\1 \2"),
    (r"^the colou?r of (.+?) (is|was)\b", r"\1 \2"),
    (
        r"^the (winner|loser) (?:is|was) ((?!not)[\w ]+)$",
        lambda m: f"{m[2]} {'won' if m[1] == 'winner' else 'lost'}",
    ),
    (
        r"^(.+?) (?:is|was) (not )?the (winner|loser)$",
        lambda m: f"{m[1]} {_outcome(m[3] == 'winner', bool(m[2]))}",
    ),
)
