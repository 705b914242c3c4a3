internal import CadastreProtocol

/// How long requests take just now, and so how long who finds no room had better wait.
struct Pace {
    /// The mean of the last some sixteen requests, in microseconds.
    private var mean: UInt64 = 0

    /// A request was answered after so many nanoseconds.
    mutating func answered(after nanoseconds: UInt64) {
        mean = mean - mean / 16 + nanoseconds / 1_000 / 16
    }

    /// How long until there may be room: about until those that are here now have left, and the
    /// longer the fuller it is.
    ///
    /// - Parameter load: How full, in percent.
    /// - Returns: Milliseconds.
    func wait(load: Int) -> UInt64 {
        let range = RuntimeLimits.overloadedWaitMilliseconds
        let milliseconds = mean * UInt64(100 + 3 * max(0, load)) / 100_000
        return min(max(milliseconds, range.lowerBound), range.upperBound)
    }
}
