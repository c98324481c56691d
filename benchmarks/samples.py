"""Words that the stores are filled with: senders and texts as customers of such a provider use."""

SENDERS = (
    "boxis.net",
    "48601234567",
    "Żabka Ćmielów",
    "INFO",
    "+48601234567",
    "Przychodnia",
    "Müller & Söhne",
    "TAXI 19191",
    "Kino 'Gwiazda'",
    "Biblioteka",
    "Łódź <Taxi>",
    "ALERT",
    "Wojewódzki Szpital Specjalistyczny im. św. Jadwigi, Oddział 12",
    "sklep.example",
    'Kawiarnia "Pod Różą"',
    "Kurier",
    "Πέτρος",
    "R&D",
    "Kwiaciarnia 🌷",
    "Bank",
)
"""An account uses five that follow each other, the first of them most. One in three needs escaping
in XML or is not ASCII, so that in JSON it is `\\uXXXX`."""

TEXTS = (
    "Your code is 4711",
    "Dzień dobry, przypominamy o wizycie jutro o 9:40. Przychodnia, ul. Długa 7",
    "Paczka czeka w punkcie przy ul. Jasnej 3. Kod odbioru 902144, do soboty.",
    "Your order leaves tomorrow, thank you",
    "Uwaga! Wodociągi: przerwa w dostawie wody 12.05 od 8:00 do 14:00 w rejonie ulic Polna, "
    "Leśna i Krótka. Beczkowóz stanie przy szkole. Przepraszamy za utrudnienia.",
    "Stan konta < 100 zł & debet włączony",
    "Wszystkiego najlepszego! 🎂",
    "Alarm: temperature in room 2 is 31.5 C (limit 28)",
    "Szanowni Państwo, faktura 2026/05/118 na kwotę 1 249,00 zł jest gotowa. Prosimy o wpłatę do "
    "końca miesiąca na rachunek podany w umowie; w razie pytań prosimy o kontakt z biurem obsługi "
    "pod numerem +48 22 123 45 67 od poniedziałku do piątku w godzinach 8-16.",
    "Taxi nr 12 już jedzie, biały Passat",
)

ZONES = ("Europe/Berlin", "America/New_York", "") + ("Europe/Warsaw",) * 7
"""The accounts' zones in turn; "" leaves the account to the server's."""
