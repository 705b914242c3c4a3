import CadastreDisk
import CadastreProtocol
import Testing

@testable import CadastreStateMachine

/// Rows by number, beside a dictionary that is obviously right.
struct NumberedRowsTests {
    /// With this the high bits of a number are its home, at every size.
    private static let plain = PlaceSecret(before: 0, factor: 1)
    /// All begin at the last place, and go on at the first.
    private static let last = (0..<40).map { (number: UInt64) in UInt64.max << 52 | number }
    /// Some begin at the last two places, some at the first two.
    private static let ends = (0..<40).map { (number: UInt64) in
        (number % 4 &- 2) << 58 | number
    }

    @Test(
        "it holds what a dictionary holds, whatever comes and goes",
        arguments: [Array(1...40), last, ends, [0, .max, 1 << 63, 5]] as [[UInt64]],
        [plain, .ofProcess]
    )
    func agreesWithDictionary(numbers: [UInt64], secret: PlaceSecret) throws {
        var generator = SplitMix64(seed: 11)
        var rows = NumberedRows<UInt64, String>(secret: secret)
        var model: [UInt64: String] = [:]
        for step in 0..<20_000 {
            let number = try #require(numbers.randomElement(using: &generator))
            // Now nearly full, now nearly empty.
            let isGrowing = step / 500 % 2 == 0
            switch UInt64.random(in: 0..<8, using: &generator) {
            case 0:
                rows[number] = nil
                model[number] = nil
            case 1...3 where !isGrowing:
                rows[number] = nil
                model[number] = nil
            case 4:
                rows[number] = "\(step)"
                model[number] = "\(step)"
            case 5 where step % 100 == 0:
                rows.keep { $0.hasSuffix("1") || $0.hasSuffix("2") }
                model = model.filter { $0.value.hasSuffix("1") || $0.value.hasSuffix("2") }
            default:
                let old = rows.update("\(step)", of: number)
                #expect(old == model.updateValue("\(step)", forKey: number))
            }
            #expect(rows.count == model.count)
            guard step % 50 == 0 else { continue }
            for number in numbers { try #require(rows[number] == model[number]) }
        }
        #expect(rows.unordered.sorted() == model.values.sorted())
    }

    @Test
    func `a change through the key's optional row changes it where it stands`() {
        var rows = NumberedRows<BucketID, [Int]>()
        rows[BucketID(7)]?.append(1)
        #expect(rows.count == 0)
        rows[BucketID(7)] = [1]
        rows[BucketID(7)]?.append(2)
        #expect(rows[BucketID(7)] == [1, 2])
    }

    @Test
    func `the slots of one session, of which each has its own key, stay apart`() {
        typealias Key = SQLiteRows.SlotKey
        var rows = NumberedRows<Key, UInt64>()
        // `mixed` is the same along each diagonal.
        for session in 0..<64 as Range<UInt64> {
            for slot in 0..<64 as Range<UInt32> {
                rows[Key(session: session, slot: slot)] = session << 32 | UInt64(slot)
            }
        }
        #expect(rows.count == 64 * 64)
        for session in 0..<64 as Range<UInt64> {
            for slot in 0..<64 as Range<UInt32> {
                #expect(
                    rows[Key(session: session, slot: slot)] == session << 32 | UInt64(slot)
                )
            }
        }
    }
}
