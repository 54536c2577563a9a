"""From a plan to a run that can be driven: models, image and journal made ready, or an interrupted run taken up."""

import getpass
import secrets
import string
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread

import msgspec

import sandboxes
from gates import Rules
from harness.clean import Cleaner
from harness.config import Config, ConfigError, Places
from harness.config.devcontainer import IMAGE
from harness.events import DRILL, GateFinished, NotesInjected, Notice, RunCreated
from harness.goal import MICRO, Limits
from harness.journal import CannotResume, Journal, Record, State
from harness.loop.plan import Plan, Settings
from harness.loop.run import Run
from harness.loop.surroundings import dockerfile, in_setup, pinned
from harness.loop.tape import Recorded, Tape
from harness.loop.wishes import unsaid
from harness.memory import MemoryFailed, Note, Shelf, select
from harness.memory.flaky import fingerprints
from harness.models import Catalog, Ledger, MessagesModel, Model, Profile, Router, load
from harness.repo import (
    Base,
    Store,
    discover,
)
from sandboxes.images import base_image, environment, named_image

LOCK_FILES = (
    "pyproject.toml", "setup.py", "setup.cfg", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock",
    "package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "go.sum", "Cargo.lock",
)  # fmt: skip
"""What an environment image depends on besides its commands; any `requirements*.txt` too."""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A run that can be driven. `held` keeps other processes off it until it is closed."""

    run: Run
    held: ExitStack
    opening: tuple[Record, ...] = ()
    """What was stored with the run's first event, to be shown."""
    resumed: bool = False
    limits: Limits | None = None


def begin(plan: Plan, places: Places, journal: Journal, clean: Cleaner, log: Callable[[str], None] = print) -> Ready:
    """Get models and image ready, then write the run's first event: from here on there is a run.

    Raises `UnpricedModel`, `CatalogError`, `SandboxUnavailable`, `ImageFailed`.
    """
    config = plan.settings.config
    catalog = load(places.models)
    router = _router(config, catalog)
    engine = engine_of(places)
    image = image_of(engine, plan, log)
    config = pinned(engine, config, log)
    plan = msgspec.structs.replace(plan, settings=msgspec.structs.replace(plan.settings, config=config))
    run_id = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
    held = ExitStack()
    held.enter_context(journal.hold(run_id))
    shelf = Shelf(places.home, plan.repository.id, clean)
    known, notices = _shelved(shelf)
    told = select(known, plan.goal)
    _, *opening = journal.create(
        run_id,
        RunCreated(
            goal=plan.goal,
            repo=str(plan.repository.root),
            repo_id=plan.repository.id,
            base=plan.base.commit,
            base_tree=plan.base.tree,
            base_ref=plan.base.ref,
            branch=plan.branch,
            maker=config.models.making[0],
            checker=config.models.checking[0],
            image=image,
            settings=msgspec.json.encode(plan.settings).decode(),
            principal=principal(),
            catalog=catalog.dump(),
            flaky=fingerprints(known),
        ),
        *plan.notices,
        *notices,
        *_injected(told),
    )
    run = _run(run_id, plan, image, router, engine, shelf, told, journal, clean)
    return Ready(run=run, held=held, opening=tuple(opening))


def reopen(
    run_id: str,
    places: Places,
    journal: Journal,
    clean: Cleaner,
    change: Callable[[Limits], Limits] | None = None,
    *,
    engine: sandboxes.Engine | None = None,
    catalog: Catalog | None = None,
    listen: Callable[[Profile], Model] = MessagesModel,
) -> Ready:
    """Take an interrupted run up again, from the journal alone; `change` gives it new limits.

    `engine`, `catalog` and `listen` (which makes the model of a profile) are this machine's unless others are given.

    Raises `RunHeld` when another process has it, and `CannotResume`.
    """
    held = ExitStack()
    held.enter_context(journal.hold(run_id))  # first: what a dying process still stores has to be read
    state = journal.state(run_id)
    created = state.created
    if created is None:
        raise AssertionError(f"run {run_id} has no first event")
    if not created.settings:
        raise CannotResume(f"run {run_id} cannot be resumed", "what it was configured with was erased", "start anew")
    if created.goal.source == DRILL:
        raise CannotResume(f"run {run_id} cannot be resumed", "it is the record of a drill", "call: loopwright drill")
    settings = msgspec.json.decode(created.settings, type=Settings)
    repository = discover(Path(created.repo))
    base = Base(commit=created.base, tree=created.base_tree, ref=created.base_ref)
    raised = change(state.limits) if change else None
    plan = Plan(
        goal=msgspec.structs.replace(created.goal, limits=raised or state.limits),
        repository=repository,
        base=base,
        branch=created.branch,
        store=Store(places.home, repository),
        settings=settings,
        notices=(),
    )
    router = _router(settings.config, catalog or load(places.models), listen)
    shelf = Shelf(places.home, repository.id, clean)
    known = {note.id: note for note in (_shelved(shelf)[0] if state.notes else ())}
    told = tuple(known[id] for id in state.notes if id in known)
    engine = engine or engine_of(places)
    run = _run(run_id, plan, created.image, router, engine, shelf, told, journal, clean, state)
    run.words, run.later = unsaid(record.event for record in journal.read(run_id))
    return Ready(run=run, held=held, resumed=True, limits=raised)


def engine_of(places: Places) -> sandboxes.Engine:
    """The engine of this user's sandboxes. It connects when it is first used."""
    return sandboxes.engine("docker", places.home)


def _router(config: Config, catalog: Catalog, listen: Callable[[Profile], Model] = MessagesModel) -> Router:
    models = config.models
    router = Router(catalog, {"light": models.light, "mid": models.mid, "frontier": models.frontier}, listen)
    maker, *_ = router.profiles(models.making)
    if not [profile for profile in router.profiles(models.checking) if profile.family != maker.family]:
        raise ConfigError(
            f"maker and checker are both {maker.family}",
            "a model that judges its own work proves nothing",
            "name another model as models.checker",
        )
    return router


def warm(run: Run) -> None:
    """Import the SDK and make the maker's client beside the sandbox, which takes as long."""
    voice = run.router.choose(run.router.profiles(run.config.models.making))
    if voice and isinstance(voice.model, MessagesModel):
        Thread(target=voice.model.warm, name="warm", daemon=True).start()


def image_of(engine: sandboxes.Engine, plan: Plan, log: Callable[[str], None]) -> str:
    """The id of the image that every sandbox of the run is made of."""
    table = plan.settings.config.sandbox
    named = dockerfile(engine, table, plan.store, plan.base.tree, log) if table.image == IMAGE else table.image
    base = base_image(engine, log) if named == "auto" else named_image(engine, named, log)
    if not table.setup:
        return base.id
    wanted = [
        path
        for path in plan.store.paths(plan.base.tree)
        if path in LOCK_FILES or (path.startswith("requirements") and path.endswith(".txt"))
    ]
    files = {path: plan.store.file(plan.base.tree, path) or b"" for path in wanted}
    seed = plan.store.seed(plan.base, engine.uid)
    return environment(engine, base, table.setup, seed, files, log, allow=in_setup(table)).id


def _run(
    run_id: str,
    plan: Plan,
    image: str,
    router: Router,
    engine: sandboxes.Engine,
    shelf: Shelf,
    notes: tuple[Note, ...],
    journal: Journal,
    clean: Cleaner,
    state: State | None = None,
) -> Run:
    state = state or journal.state(run_id)
    tape = Tape(clean.redact)
    rules = Rules(
        scope=plan.goal.scope,
        protected=plan.settings.config.scope.protected,
        may_edit_tests=plan.goal.may_edit_tests,
        must_pass=plan.goal.must_pass,
    )

    def recall(key: str) -> GateFinished | None:
        found = journal.find(key)
        return found if isinstance(found, GateFinished) else None

    run = Run(
        id=run_id,
        goal=plan.goal,
        config=plan.settings.config,
        repository=plan.repository,
        base=plan.base,
        branch=plan.branch,
        store=plan.store,
        image=image,
        gates=plan.settings.gates,
        rules=rules,
        router=router,
        ledger=Ledger(
            plan.goal.limits.micro_usd, plan.goal.limits.tokens, spent=state.cost, tokens=state.accounts.tokens
        ),
        notes=notes,
        state=state,
        shelf=shelf,
        engine=Recorded(engine, tape),
        tape=tape,
        recall=recall,
        look_up=journal.find,
        history=lambda: journal.read(run_id),
        clean=clean,
        started=time.monotonic() - state.active / MICRO,
    )
    warm(run)
    return run


def _shelved(shelf: Shelf) -> tuple[tuple[Note, ...], tuple[Notice, ...]]:
    """What is remembered of the repository; nothing and a notice, where it cannot be read."""
    try:
        return shelf.load(), ()
    except MemoryFailed as error:
        return (), (Notice(what="the notes cannot be read", why=str(error)),)


def _injected(notes: tuple[Note, ...]) -> tuple[NotesInjected, ...]:
    if not notes:
        return ()
    told = msgspec.json.encode(notes).decode()
    return (NotesInjected(notes=tuple(note.id for note in notes), told=told),)


def principal() -> str:
    """Who asks: the user's name on this machine."""
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return "unknown"
