internal import ArgumentParser

/// What keys look like: one of the shapes K1 to K6 in which services name objects, or the plain
/// one by which stores are compared.
///
/// The key of a place is always the same, and no two places have the same key.
enum KeyShape: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// 64 bytes: `bench/` and the place with zeros before it.
    case plain
    /// Hashed: 16 hexadecimal digits, `/` and a UUID.
    case hashed = "K1"
    /// Hive's: `warehouse/db/table/dt=…/hour=…/part-…-uuid.parquet`, appended in time.
    case hive = "K2"
    /// Backups': `vm-…/date/chunk-…`.
    case backup = "K3"
    /// Media: `ab/cd/<SHA-1>.jpg`.
    case media = "K4"
    /// Logs: `AWSLogs/account/…/yyyy/mm/dd/…`, ascending with the place.
    case logs = "K5"
    /// 200 to 900 bytes, many of them not ASCII.
    case long = "K6"

    init?(argument: String) {
        let all = Self.allCases
        guard let shape = all.first(where: { $0.rawValue.lowercased() == argument.lowercased() })
        else { return nil }
        self = shape
    }

    /// The key of a place.
    func key(_ place: UInt64) -> [UInt8] {
        switch self {
        case .plain: Self.plainKey(place)
        case .hashed: Array("\(Self.hash(place, 0))/\(Self.uuid(place))".utf8)
        case .hive: Self.hiveKey(place)
        case .backup: Self.backupKey(place)
        case .media: Self.mediaKey(place)
        case .logs: Self.logKey(place)
        case .long: Self.longKey(place)
        }
    }

    /// What keys around a place begin with: as much as possible, such that a page of keys may be
    /// expected to do so where there are so many keys in all.
    func prefix(_ place: UInt64, holding page: Int, of count: UInt64) -> [UInt8] {
        switch self {
        case .plain:
            var (digits, held) = (0, 1)
            while held < page { (digits, held) = (digits + 1, held * 10) }
            return key(place).dropLast(digits)
        case .hashed: return Array(key(place).prefix(Self.digits(page, count)))
        case .media:
            let digits = Self.digits(page, count)
            // `ab/cd/` and what follows have two digits between slashes.
            return Array(key(place).prefix(digits <= 2 ? digits : digits <= 4 ? digits + 1 : 6))
        case .hive: return folder(place, depth: page <= 100 ? 5 : 4)
        case .backup: return folder(place, depth: 2)
        case .logs: return folder(place, depth: 7)
        case .long: return folder(place, depth: 1)
        }
    }

    /// The folder of a place's key that is so many slashes deep, or its deepest.
    func folder(_ place: UInt64, depth: Int) -> [UInt8] {
        let key = key(place)
        var (end, left) = (0, depth)
        for (position, byte) in key.enumerated() where byte == UInt8(ascii: "/") {
            guard left > 0 else { break }
            (end, left) = (position + 1, left - 1)
        }
        return Array(key.prefix(end))
    }

    /// The bucket where its keys are unless another is asked for: not that of other shapes.
    var bucket: String { self == .plain ? "bench" : "bench-\(rawValue.lowercased())" }

    // MARK: Shapes

    private static let plainKeyOfZero =
        Array("bench/".utf8) + [UInt8](repeating: UInt8(ascii: "0"), count: 58)

    private static func plainKey(_ place: UInt64) -> [UInt8] {
        var key = plainKeyOfZero
        var rest = place
        var position = key.count - 1
        while rest > 0, position > 5 {
            key[position] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            position -= 1
        }
        return key
    }

    /// Sixteen tables in four databases, each with a hundred parts an hour.
    private static func hiveKey(_ place: UInt64) -> [UInt8] {
        let (table, serial) = (place % 16, place / 16)
        let time = time(hours: serial / 100)
        let part = padded(serial % 100, 5)
        return Array(
            """
            warehouse/db\(table / 4)/table\(padded(table, 2))/dt=\(time.prefix(10))/\
            hour=\(time.dropFirst(11).prefix(2))/part-\(part)-\(uuid(place)).parquet
            """.utf8
        )
    }

    /// Fifty machines, each with a thousand chunks a day.
    private static func backupKey(_ place: UInt64) -> [UInt8] {
        let day = time(hours: place / 50_000 * 24).prefix(10)
        let (machine, chunk) = (padded(place % 50, 4), padded(place / 50 % 1000, 6))
        return Array("vm-\(machine)/\(day)/chunk-\(chunk)".utf8)
    }

    private static func mediaKey(_ place: UInt64) -> [UInt8] {
        let digits = hash(place, 0) + hash(place, 1) + hash(place, 2).prefix(8)
        return Array("\(digits.prefix(2))/\(digits.dropFirst(2).prefix(2))/\(digits).jpg".utf8)
    }

    /// Twenty files of one account each five minutes.
    private static func logKey(_ place: UInt64) -> [UInt8] {
        let time = Timestamp.text(begin + place / 20 * 300_000)
        let day = time.prefix(10).replacing("-", with: "/")
        let minute = "\(day.replacing("/", with: ""))T\(time.dropFirst(11).prefix(5))Z"
        return Array(
            """
            AWSLogs/123456789012/CloudTrail/eu-west-3/\(day)/123456789012_CloudTrail_eu-west-3_\
            \(minute.replacing(":", with: ""))_\(padded(place % 20, 2))\(hash(place, 0)).json.gz
            """.utf8
        )
    }

    private static func longKey(_ place: UInt64) -> [UInt8] {
        var choices = SeededNumbers(seed: place ^ 0x4B36)
        let size = 201 + Int(choices.next() % 700)
        let end = Array("/\(hash(place, 0))".utf8)
        var key: [UInt8] = []
        var words = 0
        while true {
            let word = Self.words[Int(choices.next() % UInt64(Self.words.count))].utf8
            guard key.count + word.count + 1 + end.count <= size else { break }
            key += word
            words += 1
            key.append(words % 6 == 1 ? UInt8(ascii: "/") : UInt8(ascii: " "))
        }
        while key.count + end.count + 2 <= size { key += "é".utf8 }
        return key + end
    }

    private static let words = [
        "données", "été", "archivées", "médiathèque", "東京", "写真", "Übersicht", "größe",
        "Ελλάδα", "Москва", "документы", "naïve", "señal", "図書館", "отчёт", "œuvre",
    ]

    // MARK: Pieces

    /// The first of January 2025.
    private static let begin: UInt64 = 1_735_689_600_000

    private static func time(hours: UInt64) -> String { Timestamp.text(begin + hours * 3_600_000) }

    /// 16 hexadecimal digits; of each number those of no other place.
    private static func hash(_ place: UInt64, _ number: UInt64) -> String {
        let value = SeededNumbers.scrambled(place &+ (number + 1) &* 0x9E37_79B9_7F4A_7C15)
        return padded(value, 16, radix: 16)
    }

    private static func uuid(_ place: UInt64) -> String {
        let digits = hash(place, 1) + hash(place, 2)
        var text = ""
        for (position, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(position) { text.append("-") }
            text.append(digit)
        }
        return text
    }

    private static func padded(_ value: UInt64, _ size: Int, radix: Int = 10) -> String {
        let text = String(value, radix: radix)
        return String(repeating: "0", count: max(0, size - text.utf8.count)) + text
    }

    /// How many hexadecimal digits of a hash a page of keys may be expected to share.
    private static func digits(_ page: Int, _ count: UInt64) -> Int {
        var (digits, held) = (0, count / 16)
        while held >= page, digits < 16 { (digits, held) = (digits + 1, held / 16) }
        return digits
    }
}
