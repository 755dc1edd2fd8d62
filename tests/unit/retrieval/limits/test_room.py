"""Fairness of the waiting room, in virtual time, against the rules it states."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from retrieval.limits.room import Place, Room, State

TENANTS = ("acme", "globex", "initech", "umbrella")


@dataclass(eq=False)
class Job:
    """A request: when it comes, whose it is, how long it takes; and what became of it."""

    at: int
    tenant: str
    takes: int
    patience: int | None = None
    place: Place | None = None
    turned_away: bool = False
    began: int | None = None


@dataclass
class World:
    """The room, in virtual time, watched at every step."""

    slots: int
    per_tenant: int = 1_000
    together: int = 1_000
    order: list[Job] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.room = Room(slots=self.slots, per_tenant=self.per_tenant, together=self.together)
        self.inside: list[Job] = []
        self.waiting: list[Job] = []
        self.passed: dict[str, list[str]] = {}  # by waiting tenant: who had turns since its last
        self.now = 0
        self._ends: list[tuple[int, int, Job]] = []

    def play(self, jobs: list[Job]) -> None:
        """Let every job come, wait, give up or be worked on, until none is left."""
        arriving = sorted(jobs, key=lambda job: job.at)
        while arriving or self._ends or self.waiting:
            moments = [job.at for job in arriving[:1]] + [end for end, _, _ in self._ends[:1]]
            moments += [job.at + job.patience for job in self.waiting if job.patience is not None]
            self.now = min(moments)
            while self._ends and self._ends[0][0] <= self.now:
                self._leave(heapq.heappop(self._ends)[2])
            for job in [one for one in self.waiting if self._impatient(one)]:
                self.waiting.remove(job)
                if not any(one.tenant == job.tenant for one in self.waiting):
                    self.passed.pop(job.tenant, None)
                assert job.place is not None
                self.room.leave(job.place)
            while arriving and arriving[0].at <= self.now:
                self._arrive(arriving.pop(0))
            self.look()

    def look(self) -> None:
        """What must hold at every moment."""
        assert self.room.working() == len(self.inside) <= self.slots
        assert self.room.waiting() == len(self.waiting)
        assert not self.waiting or len(self.inside) == self.slots, "a slot lay idle"
        for tenant in TENANTS:
            assert self.room.waiting(tenant) <= self.per_tenant

    def _impatient(self, job: Job) -> bool:
        return job.patience is not None and job.at + job.patience <= self.now

    def _arrive(self, job: Job) -> None:
        job.place = self.room.arrive(job.tenant, lambda: self._woken(job))
        if job.place is None:
            job.turned_away = True
        elif job.place.state is State.INSIDE:
            self._begin(job)
        else:
            self.waiting.append(job)

    def _woken(self, job: Job) -> None:
        mine = [one for one in self.waiting if one.tenant == job.tenant]
        assert mine[0] is job, "first come was not first served"
        # Whoever is first of a tenant waits for at most one turn of each other.
        for other in {one.tenant for one in self.waiting} - {job.tenant}:
            self.passed.setdefault(other, []).append(job.tenant)
        assert all(len(set(turns)) == len(turns) for turns in self.passed.values()), "passed over"
        self.passed.pop(job.tenant, None)
        self.waiting.remove(job)
        self._begin(job)

    def _begin(self, job: Job) -> None:
        job.began = self.now
        self.inside.append(job)
        self.order.append(job)
        heapq.heappush(self._ends, (self.now + job.takes, len(self.order), job))

    def _leave(self, job: Job) -> None:
        self.inside.remove(job)
        assert job.place is not None
        self.room.leave(job.place)


jobs = st.lists(
    st.builds(
        Job,
        at=st.integers(0, 40),
        tenant=st.sampled_from(TENANTS),
        takes=st.integers(1, 20),
        patience=st.none() | st.integers(0, 30),
    ),
    max_size=60,
)


@given(
    jobs=jobs, slots=st.integers(1, 5), per_tenant=st.integers(1, 8), together=st.integers(1, 12)
)
def test_no_slot_idles_nobody_is_passed_over_and_everybody_is_served_or_told(
    jobs: list[Job], slots: int, per_tenant: int, together: int
) -> None:
    world = World(slots, per_tenant, together)
    world.play(jobs)
    for job in jobs:
        assert job.turned_away or job.began is not None or job.patience is not None
        if job.patience is not None and job.began is not None:
            assert job.began <= job.at + job.patience
    assert world.room.working() == world.room.waiting() == world.room.tenants_waiting() == 0


@given(counts=st.lists(st.integers(1, 30), min_size=2, max_size=4), slots=st.integers(1, 4))
def test_tenants_that_all_have_work_waiting_are_served_alike(counts: list[int], slots: int) -> None:
    world = World(slots)
    before = [Job(0, "before", 1) for _ in range(slots)]
    waiting = [Job(0, TENANTS[n], 1) for n, count in enumerate(counts) for _ in range(count)]
    world.play([*before, *waiting])
    served = [job.tenant for job in world.order[slots:]]
    for until in range(min(counts) * len(counts)):  # nobody has nothing left to wait with
        shares = [served[:until].count(TENANTS[n]) for n in range(len(counts))]
        assert max(shares) - min(shares) <= 1


@given(flood=st.integers(1, 200), slots=st.integers(1, 4), takes=st.integers(1, 10))
def test_a_newcomer_waits_for_one_request_to_end_however_many_another_has_waiting(
    flood: int, slots: int, takes: int
) -> None:
    quiet = Job(takes, "globex", 1)  # when the flood has been waiting for a while
    World(slots).play([*(Job(0, "acme", takes) for _ in range(flood)), quiet])
    assert quiet.began is not None
    assert quiet.began <= 2 * takes


def test_equally_busy_tenants_alternate() -> None:
    world = World(1)
    world.play([Job(0, tenant, 1) for tenant in ("acme",) * 4 + ("globex",) * 2 + ("initech",) * 2])
    said = [job.tenant for job in world.order]
    assert said == ["acme", *("acme", "globex", "initech") * 2, "acme"]


def test_a_tenant_of_which_nobody_waits_may_wait_even_in_a_full_room() -> None:
    room = Room(slots=1, per_tenant=5, together=2)
    assert room.arrive("acme", _nothing) is not None
    assert room.arrive("acme", _nothing) is not None
    assert room.arrive("globex", _nothing) is not None
    assert room.arrive("acme", _nothing) is None
    assert room.full("acme")
    assert not room.full("initech")
    assert room.arrive("initech", _nothing) is not None


def test_leaving_twice_gives_back_one_slot() -> None:
    room = Room(slots=1, per_tenant=5, together=5)
    first = room.arrive("acme", _nothing)
    woken: list[str] = []
    second = room.arrive("acme", lambda: woken.append("second"))
    third = room.arrive("acme", lambda: woken.append("third"))
    assert first is not None
    assert second is not None
    assert third is not None
    room.leave(first)
    room.leave(first)
    assert woken == ["second"]
    assert (second.state, third.state) == (State.INSIDE, State.WAITING)


def _nothing() -> None:
    """Nobody waits for it."""
