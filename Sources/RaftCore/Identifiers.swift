/// The small words of the algorithm: who, which era, which place. Each is a number with a type, so
/// that a term cannot be handed over where an index is meant.

/// One member process of a cluster.
///
/// Zero is no node.
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number; 1 or more for a real node.
    public let value: UInt64

    /// Names the node with this number.
    public init(_ value: UInt64) { self.value = value }

    /// The place of "no node" in fixed layouts.
    public static let none = NodeID(0)

    /// Compares the numbers.
    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
    /// For people.
    public var description: String { "\(value)" }
}

/// One Raft group: its own log, its own leader.
///
/// Group 0 is the directory.
public struct GroupID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number of the group.
    public let value: UInt32

    /// Names the group with this number.
    public init(_ value: UInt32) { self.value = value }

    /// The group that holds tenants, grants and membership; in a first cluster the only one.
    public static let directory = GroupID(0)

    /// Compares the numbers.
    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
    /// For people.
    public var description: String { "\(value)" }
}

/// An election era (Raft §5.1).
///
/// Zero is before the first.
public struct Term: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number of the era.
    public let value: UInt64

    /// Names the era with this number.
    public init(_ value: UInt64) { self.value = value }

    /// Before the first election.
    public static let zero = Term(0)

    /// The era after this one.
    ///
    /// Traps at the end of the range, which no cluster reaches: terms from outside are bounded by
    /// ``Limits/maximumTerm`` first.
    public var next: Term { Term(value + 1) }

    /// Compares the numbers.
    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
    /// For people.
    public var description: String { "\(value)" }
}

/// A place in the log.
///
/// The first is 1; 0 means "before the log".
public struct LogIndex: Hashable, Comparable, Sendable, Strideable, CustomStringConvertible {
    /// The number of the place.
    public let value: UInt64

    /// Names the place with this number.
    public init(_ value: UInt64) { self.value = value }

    /// Before the log.
    public static let zero = LogIndex(0)

    /// The place after this one.
    public var next: LogIndex { LogIndex(value + 1) }

    /// The place before this one; zero has none and stays zero.
    public var previous: LogIndex { LogIndex(value == 0 ? 0 : value - 1) }

    /// How many places `other` is after this one.
    public func distance(to other: LogIndex) -> Int {
        other.value >= value ? Int(other.value - value) : -Int(value - other.value)
    }
    /// The place `distance` after this one.
    public func advanced(by distance: Int) -> LogIndex {
        LogIndex(
            distance >= 0 ? value + UInt64(distance) : value - UInt64(distance.magnitude)
        )
    }
    /// Whether the places are the same.
    ///
    /// Spelled out: what `Strideable` would give goes by the distance, which traps for places of
    /// broken peers that are further apart than an `Int` can say.
    public static func == (left: Self, right: Self) -> Bool { left.value == right.value }
    /// Compares the numbers.
    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
    /// For people.
    public var description: String { "\(value)" }
}

/// Term and index together: which entry, beyond doubt (Raft §5.3, log matching).
public struct LogPosition: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The place.
    public var index: LogIndex
    /// The era in which a leader put an entry there.
    public var term: Term

    /// Names the entry of `term` at `index`.
    public init(index: LogIndex, term: Term) {
        self.index = index
        self.term = term
    }

    /// Before the log.
    public static let zero = LogPosition(index: .zero, term: .zero)

    /// "At least as up to date" is decided by the term, then by the index (Raft §5.4.1).
    public static func < (left: Self, right: Self) -> Bool {
        (left.term, left.index) < (right.term, right.index)
    }
    /// For people.
    public var description: String { "\(index)@\(term)" }
}

/// A client's read as the node numbers it; comes back in a ``ReadGrant``.
public struct RequestID: Hashable, Comparable, Sendable {
    /// The number, chosen by the node, unique while the node runs.
    public let value: UInt64

    /// Names the request with this number.
    public init(_ value: UInt64) { self.value = value }

    /// Compares the numbers.
    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

/// The number of one batch of durable writes that Raft asked for; grows by one for each.
public struct PersistNumber: Hashable, Comparable, Sendable {
    /// The number; 0 is "nothing asked yet".
    public let value: UInt64

    /// Names the batch with this number.
    public init(_ value: UInt64) { self.value = value }

    /// Nothing asked yet, so always durable.
    public static let zero = PersistNumber(0)

    /// Compares the numbers.
    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

/// One life of a node's disk.
///
/// A node that lost its disk comes back with another incarnation, and its old votes never count
/// again. 128 random bits.
public struct Incarnation: Hashable, Sendable {
    /// The upper half.
    public let high: UInt64
    /// The lower half.
    public let low: UInt64

    /// Names the life with these bits.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// The SHA-256 chain hash of an entry, which fixes the whole log before it.
///
/// RaftCore compares hashes and never makes one.
public struct EntryHash: Hashable, Sendable, CustomStringConvertible {
    /// The 32 bytes, eight at a time, each read little-endian.
    public let words: (UInt64, UInt64, UInt64, UInt64)

    /// Takes the four words.
    public init(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) {
        words = (first, second, third, fourth)
    }

    /// The hash before the first entry.
    public static let zero = EntryHash(0, 0, 0, 0)

    /// Whether all 32 bytes are the same.
    public static func == (left: Self, right: Self) -> Bool { left.words == right.words }
    /// Half of the bytes are more than enough to tell hashes apart.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
    /// For people.
    public var description: String { String(words.0.byteSwapped, radix: 16) }
}

/// One cluster: 128 random bits, drawn once when it is founded.
///
/// Raft itself never looks at it; every file and every connection carries it.
public struct ClusterID: Hashable, Sendable {
    /// The upper half.
    public let high: UInt64
    /// The lower half.
    public let low: UInt64

    /// Names the cluster with these bits.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
