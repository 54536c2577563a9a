"""`answer`: a person's word to a run that asks for it."""

import click
import msgspec

from harness.cli.control import open_journal, wish
from harness.events import QuestionAsked


@click.command()
@click.argument("run")
@click.argument("words", nargs=-1, required=True, metavar="[QUESTION] ANSWER")
@click.option("--text", default="", metavar="WORDS", help="Said to the maker along with the answer.")
def answer(run: str, words: tuple[str, ...], text: str) -> None:
    """Answer what RUN asks: ANSWER is one of the question's options; QUESTION (q1, q2) defaults to the oldest.

    The first answer counts. A parked run goes on with: loopwright resume RUN.
    """
    journal = open_journal()
    run_id = journal.resolve(run)
    questions = {question.question: question for question in journal.state(run_id).questions}
    if len(words) > 2:
        raise click.UsageError("that is more than a question and an answer; words for the maker go into --text")
    if not questions:
        raise click.UsageError(f"{run_id} asks nothing")
    name = words[0] if len(words) == 2 else next(iter(questions))
    if name not in questions:
        raise click.UsageError(f"{run_id} does not ask {name}; it asks: {', '.join(questions)}")
    chosen = _option(questions[name], words[-1])
    if chosen == "reply" and not text.strip():
        raise click.UsageError("a reply needs words: --text WORDS")
    wish(journal, run_id, "answer", msgspec.json.encode({"question": name, "answer": chosen, "text": text}).decode())


def _option(question: QuestionAsked, word: str) -> str:
    if word not in question.options:
        raise click.UsageError(f"{question.question} can be answered with: {', '.join(question.options)}")
    return word
