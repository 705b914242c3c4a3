/// Milliseconds since 1970 as ISO 8601 in UTC: `2026-03-01T12:34:56.789Z`.
enum Timestamp {
    /// The latest that can be written: the end of the year 9999.
    static let maximum: UInt64 = 253_402_300_799_999

    /// Writes it; later ones than ``maximum`` are written as that.
    static func text(_ milliseconds: UInt64) -> String {
        let milliseconds = min(milliseconds, maximum)
        let (days, rest) = (Int64(milliseconds / 86_400_000), milliseconds % 86_400_000)
        let (year, month, day) = civil(days)
        let seconds = rest / 1000
        return "\(padded(UInt64(year), 4))-\(padded(UInt64(month), 2))-\(padded(UInt64(day), 2))T"
            + "\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):"
            + "\(padded(seconds % 60, 2)).\(padded(rest % 1000, 3))Z"
    }

    /// Reads it; the fraction may have 0 to 9 digits, of which three count.
    ///
    /// Nil if it is no time in UTC from 1970 to 9999.
    static func milliseconds(_ bytes: some Collection<UInt8>) -> UInt64? {
        let bytes = Array(bytes)
        guard bytes.count >= 20, bytes.count <= 30, bytes.last == UInt8(ascii: "Z") else {
            return nil
        }
        for (place, mark) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")] {
            guard bytes[place] == mark.utf8.first else { return nil }
        }
        guard let year = number(bytes[0..<4]), let month = number(bytes[5..<7]),
            let day = number(bytes[8..<10]), let hour = number(bytes[11..<13]),
            let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]),
            year >= 1970, 1...12 ~= month, 1...monthSize(year, month) ~= day, hour < 24,
            minute < 60, second < 60
        else { return nil }
        var fraction = bytes[19..<(bytes.count - 1)]
        var thousandths: Int64 = 0
        if !fraction.isEmpty {
            guard fraction.removeFirst() == UInt8(ascii: "."), !fraction.isEmpty,
                number(fraction) != nil
            else { return nil }
            let three = Array((Array(fraction) + [0x30, 0x30]).prefix(3))
            thousandths = number(three[...]) ?? 0
        }
        let seconds = (days(year, month, day) * 24 + hour) * 3600 + minute * 60 + second
        return UInt64(seconds * 1000 + thousandths)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        var value: Int64 = 0
        for digit in digits {
            guard 0x30...0x39 ~= digit else { return nil }
            value = value * 10 + Int64(digit - 0x30)
        }
        return value
    }

    private static func padded(_ value: UInt64, _ size: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, size - text.count)) + text
    }

    private static func isLeap(_ year: Int64) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    private static func monthSize(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01 to this day, with years that begin in March.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The day that lies this many days after 1970-01-01.
    private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
