"""A made-up programme of any size, for loads and measurements: lines of records as other services send them.

What is referred to comes before what refers to it; the same seed makes the same lines. It is as even, or as
uneven, as it is asked to be; the one that looks like life is the demo (local/demo.py).
"""

import heapq
import math
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, islice, product
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

Record = dict[str, Any]

GIVEN_NAMES = (
    "Siti, Siti Aisyah, Dewi, Putri, Putri Ayu, Rina, Rizky, Muhammad Rizky, Agus, Budi, "
    "Andi, André, Joko, I Made, Ni Luh, Ni Luh Ayu, Nur'aini, Zoë, José, Renée, Maria, "
    "Maria Goreti, Yosefa, Yohanes, Fitri, Ketut, Tuti, Ujang, Asep, Ikhsan, Dian, Bambang, "
    "Eko, Sri, Laras, Théa"
)
FAMILY_NAMES = (
    "Wijaya, Saputra, Nugroho, Siregar, Nasution, Simanjuntak, Lubis, Tanjung, Hidayat, "
    "Pratama, Kusuma, Gunawan, Manuhutu, Tanasalé, Lumentut, Sihombing, Wibowo, Suryadi, "
    "Hasibuan, Latuconsina, Permana, Ramadhani, Prasetyo, Daéng"
)
PLACES = (  # province, city, street, postal code
    ("Jawa Barat", "Bandung", "Jl. Braga", "40111"),
    ("Jawa Barat", "Bogor", "Jl. Pajajaran", "16143"),
    ("Jawa Tengah", "Semarang", "Jl. Pandanaran", "50134"),
    ("Jawa Timur", "Surabaya", "Jl. Tunjungan", "60275"),
    ("Jawa Timur", "Malang", "Jl. Ijen", "65119"),
    ("DI Yogyakarta", "Yogyakarta", "Jl. Malioboro", "55271"),
    ("Bali", "Denpasar", "Jl. Gajah Mada", "80112"),
    ("Sumatera Utara", "Medan", "Jl. Kesawan", "20111"),
    ("Sumatera Barat", "Padang", "Jl. Khatib Sulaiman", "25137"),
    ("Sulawesi Selatan", "Makassar", "Jl. Somba Opu", "90113"),
    ("Nusa Tenggara Timur", "Kupang", "Jl. El Tari", "85111"),
    ("Maluku", "Ambon", "Jl. Pattimura", "97124"),
)
BUSINESSES = (
    "Keripik Singkong Bu Darmi",
    "Batik Tulis Sekar Arum",
    "Kopi Gayo Bang Ucok",
    "Tenun Ikat Mama Yuli",
    "Sambal Roa Kak Meiske",
    "Warung Soto Pak Karyo",
    "Kerajinan Rotan Mandiri",
    "Sepatu Kulit Cibaduyut Jaya",
    "Jamu Gendong Mbok Nah",
    "Madu Hutan Sumbawa",
    "Rendang Uni Rosna",
    "Sabun Kelapa Nusa Wangi",
)
CLASSES = ("go_modern", "go_digital", "go_online", "go_global")
EDUCATIONS = ("Junior High School", "Senior High School", "Diploma", "Bachelor Degree", "Master Degree")
SOURCES = ("Instagram", "Facebook", "WhatsApp", "Dinas Koperasi", "Teman", "Website")

TOPICS = (
    "Digital",
    "Pemasaran Daring",
    "Keuangan Usaha",
    "Ekspor",
    "Kemasan dan Merek",
    "Legalitas Usaha",
    "Produksi",
    "Layanan Pelanggan",
    "Kepemimpinan",
    "Fotografi Produk",
)
FORMS = (  # the items of every course, in their sequence
    ("Tugas: Peta Jalan {}", "assignment"),
    ("Quiz {} Dasar", "quiz"),
    ("Esai: {} bagi Usaha Saya", "essay"),
    ("Studi Kasus {}", "case_study"),
    ("Quiz {} Lanjutan", "quiz"),
    ("Proyek Akhir {}", "assignment"),
    ("Refleksi {}", "essay"),
    ("Quiz {} Praktik", "quiz"),
    ("Tugas: Rencana 90 Hari {}", "assignment"),
    ("Studi Kasus Kelompok {}", "case_study"),
)
QUESTIONS = (  # the right answer comes first
    ("Apa manfaat pembukuan harian?", "Laba usaha terlihat jelas", "Pajak selalu nol"),
    ("Apa isi label pangan yang wajib?", "Tanggal kedaluwarsa", "Nama pemilik toko", "Nomor rekening"),
    ("Apa tanda pelanggan setia?", "Membeli kembali", "Menawar paling rendah"),
    ("Untuk apa NIB?", "Identitas pelaku usaha", "Izin mendirikan bangunan", "Bukti lunas pajak"),
    ("Apa guna foto produk yang baik?", "Membangun kepercayaan", "Mengganti deskripsi", "Menutupi cacat"),
    ("Bagaimana menetapkan harga?", "Menghitung biaya dan margin", "Mengikuti harga termurah"),
    ("Kapan stok dihitung?", "Secara berkala", "Saat gudang kosong", "Setahun sekali"),
    ("Apa manfaat merek terdaftar?", "Perlindungan hukum", "Bebas ongkos kirim"),
)
WORKS = (
    "{} kini mencatat penjualan harian dan membalas pesan pelanggan dalam satu jam.",
    "Kami di {} mengganti kemasan dan menambah label halal; penjualan naik seperempat.",
    "{} membuka toko daring. Tantangan terbesar kami foto produk dan ongkos kirim.",
    "Rencana {}: melatih dua pegawai, menata stok, lalu mencoba pasar luar kota.",
)
FEEDBACKS = (  # by score: below 70, below 85, the rest
    ("Perdalam lagi analisisnya, lalu sertakan angka.", "Belum menjawab soal ketiga."),
    ("Sudah baik, tambahkan bukti pendukung.", "Langkahnya jelas, jadwalnya belum."),
    ("Bagus sekali, siap diterapkan.", "Lengkap dan runtut. Pertahankan!"),
)


class _Participant(NamedTuple):
    """All that a submission or a roster needs of a participant."""

    id: str
    asesor_id: str


def programme(
    submissions: int, *, seed: int, burst: bool, months: int = 24, end: datetime
) -> Iterator[Record]:
    """As many submissions as asked for, oldest first, made while they are read.

    A participant per 50 submissions, an asesor per 50 participants (at least two), ten courses
    of ten items, a session ahead for each asesor with all their participants. No participant
    answers an item twice. With `burst`, 30 % of the submissions come within the two hours
    before one deadline, the others evenly over the months. `end` is aware; nothing is later,
    but for the sessions.
    """
    rng = Random(seed)
    start = _months_before(end, months)
    participants: list[_Participant] = []
    items: list[Record] = []
    yield from _enrolment(rng, submissions, start, end, participants, items)

    hurried = submissions * 3 // 10 if burst else 0
    deadline = _on_the_hour(start + (end - start) * 0.75)
    moments = heapq.merge(
        _evenly(rng, submissions - hurried, start, end),
        _before(rng, hurried, deadline),
    )
    yield from _submissions(rng, participants, items, moments, end)


def skewed_programme(submissions: int, *, seed: int, months: int = 24, end: datetime) -> Iterator[Record]:
    """As `programme`, as uneven as life is.

    Every month has a deadline, and 60 % of the submissions come within the two hours before one. One
    item has 30 % of them, from participants who try again; another, 5 %, is used by all courses, so that
    one in ten of them is in any one. One asesor has every fifth participant.
    """
    rng = Random(seed)
    start = _months_before(end, months)
    participants: list[_Participant] = []
    items: list[Record] = []
    yield from _enrolment(rng, submissions, start, end, participants, items, favoured=True)

    deadlines = [_on_the_hour(start + (end - start) * (number + 0.75) / months) for number in range(months)]
    hurried = submissions * 6 // 10 // months
    moments = heapq.merge(
        _evenly(rng, submissions - hurried * months, start, end),
        *(_before(rng, hurried, deadline) for deadline in deadlines),
    )
    popular, shared, *others = items
    for moment in moments:
        (item,) = rng.choices((popular, shared, rng.choice(others)), (30, 5, 65))
        if item is shared:
            item = {**shared, "course_id": rng.choice(items)["course_id"]}
        yield _line("submission", _submission(rng, rng.choice(participants), item, moment, end))


def _enrolment(
    rng: Random,
    submissions: int,
    start: datetime,
    end: datetime,
    participants: list[_Participant],
    items: list[Record],
    *,
    favoured: bool = False,
) -> Iterator[Record]:
    """Users, items and sessions of a programme; fills the lists. `favoured`: an asesor has every fifth."""
    users = _Users(rng)
    enrolled = start - timedelta(days=30)

    asesors = [users.new("asesor") for _ in range(max(2, submissions // 2500))]
    yield _line("user", users.new("admin"))
    yield from (_line("user", asesor) for asesor in asesors)

    rosters: dict[str, list[str]] = {asesor["id"]: [] for asesor in asesors}
    in_turn = cycle(asesors)
    if favoured:
        others = cycle(asesors[1:])
        in_turn = cycle(asesors[0] if number % 5 == 0 else next(others) for number in range(5 * len(asesors)))
    for asesor in islice(in_turn, max(1, submissions // 50)):
        user = users.new_participant(asesor["id"], enrolled)
        participants.append(_Participant(user["id"], asesor["id"]))
        rosters[asesor["id"]].append(user["id"])
        yield _line("user", user)

    items += _items(rng, _modules(rng, 10), 10, enrolled)
    yield from (_line("item", item) for item in items)
    for asesor_id, roster in rosters.items():
        starts = _on_the_hour(end) + timedelta(days=rng.randrange(1, 15))
        yield _line("session", _session(rng, "scheduled", asesor_id, roster, starts))


def _before(rng: Random, number: int, deadline: datetime) -> Iterator[datetime]:
    """So many moments within the two hours before."""
    return _evenly(rng, number, deadline - timedelta(hours=2), deadline)


def _line(kind: str, data: Record) -> Record:
    return {"type": f"{kind}.saved", "data": data}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _on_the_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _months_before(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, 28))


def _evenly(rng: Random, number: int, start: datetime, end: datetime) -> Iterator[datetime]:
    """One moment at random in each of `number` equal stretches, the last a second before `end`."""
    step = (end - start - timedelta(seconds=1)) / max(number, 1)
    return (start + step * (n + rng.random()) for n in range(number))


class _Users:
    """Users whose names repeat only when all have been given, and whose e-mails never do."""

    def __init__(self, rng: Random) -> None:
        names = [" ".join(pair) for pair in product(GIVEN_NAMES.split(", "), FAMILY_NAMES.split(", "))]
        rng.shuffle(names)
        self.rng, self.names, self.numbers = rng, cycle(names), count(1)

    def new(self, role: str) -> Record:
        identity, name = _uuid(self.rng), next(self.names)
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        local_part = plain.lower().replace("'", "").replace(" ", ".")
        return {
            "id": identity,
            "name": name,
            "email": f"{local_part}.{next(self.numbers)}@example.com",
            "profile": None,
            "role": role,
            "participant_profile": None,
        }

    def new_participant(self, asesor_id: str, joined: datetime) -> Record:
        rng = self.rng
        user = self.new("participant")
        province, city, street, postal_code = rng.choice(PLACES)
        profile = {
            "id": _uuid(rng),
            "clasification": rng.choice(CLASSES),
            # No province has the number 99, so these are nobody's.
            "nik": f"99{rng.randrange(10**14):014}",
            "npwp": f"99{rng.randrange(10**13):013}",
            "last_education": rng.choice(EDUCATIONS),
            "stage": rng.choice(("regional", "national")),
            "start_year": rng.randrange(2005, 2025),
            "province": province,
            "street": f"{street} No. {rng.randrange(1, 200)}",
            "city": city,
            "postal_code": postal_code,
            "source_joined": rng.choice(SOURCES),
            "asesor_id": asesor_id,
            "user_id": user["id"],
            "created_at": _text(joined),
            "updated_at": _text(joined + timedelta(hours=rng.uniform(0, 72))),
        }
        return {**user, "participant_profile": profile}


def _modules(rng: Random, number: int) -> list[tuple[str, str]]:
    return [(_uuid(rng), _uuid(rng)) for _ in range(number)]


def _items(rng: Random, modules: list[tuple[str, str]], each: int, created: datetime) -> Iterator[Record]:
    """`each` items for every pair of a course's id and its module's."""
    for (course_id, module_id), topic in zip(modules, TOPICS, strict=False):
        for sequence, (form, category) in enumerate(FORMS[:each], 1):
            title = form.format(topic)
            yield {
                "id": _uuid(rng),
                "module_id": module_id,
                "course_id": course_id,
                "title": title,
                "category": category,
                "sequence": sequence,
                "data": _quiz(rng, title) if category == "quiz" else _task(title, category),
                "is_published": True,
                "created_at": _text(created),
                "updated_at": _text(created + timedelta(hours=rng.uniform(0, 240))),
            }


def _quiz(rng: Random, title: str) -> Record:
    questions = []
    for text, right, *wrong in rng.sample(QUESTIONS, 4):
        options = [
            {"id": _uuid(rng), "is_correct": option == right, "option_text": option}
            for option in (right, *wrong)
        ]
        rng.shuffle(options)
        questions.append({"id": _uuid(rng), "points": 25, "options": options, "question_text": text})
    return {
        "title": title,
        "category": "quiz",
        "max_attempts": 1,
        "questions": questions,
        "passing_score": 75,
        "time_limit_seconds": 900,
    }


def _task(title: str, category: str) -> Record:
    return {
        "title": title,
        "category": category,
        "instructions": "Jelaskan dengan contoh dari usaha Anda sendiri.",
        "max_score": 100,
    }


def _session(rng: Random, status: str, asesor_id: str, roster: list[str], starts: datetime) -> Record:
    ends = starts + timedelta(hours=2)
    created = starts - timedelta(days=rng.uniform(40, 50))
    happened: dict[str, datetime] = {}
    if status in ("ongoing", "completed"):
        happened["started_at"] = starts + timedelta(minutes=rng.uniform(-5, 10))
    if status == "completed":
        happened["ended_at"] = ends + timedelta(minutes=rng.uniform(-10, 20))
    called_off = created + timedelta(days=rng.uniform(1, 10))
    updated = called_off if status == "cancelled" else [created, *happened.values()][-1]
    subject = rng.choice(TOPICS)
    number = rng.randrange(2, 30)
    return {
        "id": _uuid(rng),
        "title": rng.choice((f"Coaching {subject} Batch {number}", f"Klinik Usaha: {subject}")),
        "start_time": _text(starts),
        "end_time": _text(ends),
        "audience_type": "participant",
        "coaching_type": rng.choice(("classification", "development")),
        "stage": rng.choice(("regional", "national")),
        "status": status,
        "asesor_id": asesor_id,
        "meeting_url": f"https://meet.example.com/{_uuid(rng)[:8]}",
        "participant_ids": roster,
        "created_at": _text(created),
        "updated_at": _text(updated),
        **{name: _text(moment) for name, moment in happened.items()},
    }


def _submissions(
    rng: Random,
    participants: list[_Participant],
    items: list[Record],
    moments: Iterable[datetime],
    end: datetime,
) -> Iterator[Record]:
    """At each moment another pair of a participant and an item, of which there are enough."""
    pairs = len(participants) * len(items)
    # Steps of a length coprime to the pairs visit each once, without a list of those taken;
    # about the golden ratio they lie far apart.
    step = next(length for length in count(round(pairs * 0.618)) if math.gcd(length, pairs) == 1)
    pair = rng.randrange(pairs)
    for moment in moments:
        item, participant = divmod(pair, len(participants))
        yield _line("submission", _submission(rng, participants[participant], items[item], moment, end))
        pair = (pair + step) % pairs


def _submission(
    rng: Random, participant: _Participant, item: Record, moment: datetime, end: datetime
) -> Record:
    """Handed in at `moment`, or begun then if still in progress; graded before `end`."""
    status = rng.choices(("graded", "submitted", "in_progress"), (60, 30, 10))[0]
    is_quiz = item["category"] == "quiz"
    snapshot, points = _answers(rng, item, status) if is_quiz else (_work(rng, item), None)

    begun, updated = moment, moment + min(timedelta(hours=1), end - moment) * rng.random()
    submitted = graded = score = feedback = None
    if status != "in_progress":
        submitted = moment
        begun -= timedelta(minutes=rng.uniform(2, 9)) if is_quiz else timedelta(hours=rng.uniform(1, 60))
        if status == "graded":
            graded = moment + min(timedelta(days=7), end - moment) * rng.uniform(0.05, 0.95)
            score = rng.randrange(50, 101) - (0.5 if rng.random() < 0.1 else 0)
            feedback = rng.choice(FEEDBACKS[(score >= 70) + (score >= 85)])
        elif is_quiz:  # scored by the quiz itself; a person may still grade it
            graded, score = moment, points
        updated = (graded or moment) + timedelta(milliseconds=8)
    return {
        "id": _uuid(rng),
        "user_id": participant.id,
        "item_id": item["id"],
        "course_id": item["course_id"],
        "status": status,
        "score": score,
        "response_snapshot": snapshot,
        "feedback": feedback,
        "submitted_at": submitted and _text(submitted),
        "graded_at": graded and _text(graded),
        "graded_by": participant.asesor_id if status == "graded" else None,
        "created_at": _text(begun),
        "updated_at": _text(updated),
    }


def _answers(rng: Random, quiz: Record, status: str) -> tuple[Record, int]:
    """The answers, three in four of them right, and their points; the last lacks while in progress."""
    questions = quiz["data"]["questions"]
    answers, points = [], 0
    for question in questions[:-1] if status == "in_progress" else questions:
        right = rng.random() < 0.75
        option = next(option for option in question["options"] if option["is_correct"] is right)
        answers.append({"answer_id": option["id"], "question_id": question["id"]})
        points += question["points"] if right else 0
    return {"answers": answers, "category": "quiz"}, points


def _work(rng: Random, item: Record) -> Record:
    return {"text": rng.choice(WORKS).format(rng.choice(BUSINESSES)), "category": item["category"]}
