internal import Glibc

/// How much of an exhaustive test is done.
///
/// `swift test` alone is to end in three minutes, so it looks at a part of what such tests can look
/// at, spread over the whole; `Cluster/test`, which sets `CLUSTER_TESTS`, looks at all of it.
public enum Depth {
    /// Everything is looked at.
    public static let isFull = unsafe getenv("CLUSTER_TESTS") != nil

    /// A number of cases.
    public static func cases<Number>(_ all: Number, quick: Number) -> Number {
        isFull ? all : quick
    }
}
