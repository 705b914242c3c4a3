/// What one thing after the other does: the specification that a history is held against.
protocol SequentialModel {
    /// What takes an operation back.
    associatedtype Undo

    /// Whether an operation with this outcome may come next.
    func judge(_ operation: Operation) -> Judgement

    /// Lets an operation that may come next, and changes something, happen.
    mutating func apply(_ operation: Operation) -> Undo

    /// Takes back what was applied last.
    mutating func undo(_ undo: Undo)

    /// Two states with one digest are held to be one: 128 bits, so never by chance.
    var digest: Digest { get }

    /// What stands now where the operation looks, for the end of a sentence.
    func state(for operation: Operation) -> String

    /// Whether the order of two operations can matter to anybody.
    func touches(_ one: Operation, _ other: Operation) -> Bool

    /// Whether after the one it is as though the other, which is about the same, had never been.
    func overwrites(_ one: Operation, _ other: Operation) -> Bool

    /// Whether even operations that look at different things can need an order.
    var isTangled: Bool { get }
}

/// Whether an operation may come next.
enum Judgement: Hashable {
    /// Its outcome is right, and nothing changes by it.
    case unchanged
    /// Its outcome is right, and something changes.
    case changing
    /// Its outcome is wrong here; or it is unknown, and nothing would change.
    case impossible
}

/// 128 bits that stand for a state or a set; combined without an order.
struct Digest: Hashable {
    private var high: UInt64 = 0
    private var low: UInt64 = 0

    /// Of nothing.
    init() {}

    /// Of a number.
    init(_ number: UInt64) {
        high = Self.mix(number ^ 0x6A09_E667_F3BC_C908)
        low = Self.mix(number ^ 0xBB67_AE85_84CA_A73B)
    }

    /// Goes on with bytes.
    mutating func add(_ bytes: some Sequence<UInt8>) {
        var count: UInt64 = 0
        for byte in bytes {
            high = (high ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
            low = (low &+ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15
            count += 1
        }
        add(count)
    }

    /// Goes on with a number.
    mutating func add(_ number: UInt64) {
        high = Self.mix(high ^ number)
        low = Self.mix(low &+ number &* 0xC2B2_AE3D_27D4_EB4F)
    }

    /// Puts another one in, or takes it out.
    mutating func toggle(_ other: Digest) {
        high ^= other.high
        low ^= other.low
    }

    /// Scatters the bits of a number (SplitMix64).
    private static func mix(_ number: UInt64) -> UInt64 {
        var mixed = number &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
