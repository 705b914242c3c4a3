/// A moment in milliseconds since 1970, for people: `2026-03-01T12:34:56.789Z`.
package struct WallTime: Hashable, Sendable, CustomStringConvertible {
    /// Milliseconds since 1970, UTC.
    package var milliseconds: UInt64

    /// Names a moment.
    package init(milliseconds: UInt64) { self.milliseconds = milliseconds }

    /// ISO 8601 in UTC; what no calendar of four digits holds, as the number.
    package var description: String {
        guard milliseconds < 253_402_300_800_000 else { return "\(milliseconds) ms since 1970" }
        let (days, rest) = milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
        // The calendar repeats every 146,097 days, and years begin in March here, so that the day
        // that not all have is their last.
        let (era, day) = (days + 719_468).quotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
        let dayOfYear = day - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        let date = [
            Self.digits(year, 4), Self.digits(month < 10 ? month + 3 : month - 9, 2),
            Self.digits(dayOfYear - (153 * month + 2) / 5 + 1, 2),
        ]
        let time = [
            Self.digits(rest / 3_600_000, 2), Self.digits(rest / 60_000 % 60, 2),
            Self.digits(rest / 1_000 % 60, 2),
        ]
        return date.joined(separator: "-") + "T" + time.joined(separator: ":") + "."
            + Self.digits(rest % 1_000, 3) + "Z"
    }

    private static func digits(_ number: UInt64, _ count: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }
}
