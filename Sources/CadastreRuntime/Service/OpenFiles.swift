internal import CadastreNode
internal import Glibc

/// How many files the process may have open: each connection is one.
enum OpenFiles {
    /// Lets the process open as many as the system allows it.
    ///
    /// - Returns: How many that is.
    static func raise() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            // A system without the limit has none to raise.
            return .max
        }
        let allowed = limit.rlim_max
        if limit.rlim_cur < allowed {
            limit.rlim_cur = allowed
            // If it is refused, the old limit counts.
            if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
                unsafe _ = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// Checks that a node may have as many files open as its bounds let it.
    ///
    /// At the limit nothing could be accepted any more, not even a connection of an operator, and no
    /// journal segment be made.
    ///
    /// - Throws: `NodeError` with both numbers.
    static func check(_ bounds: Settings.Bounds, allowed: Int) throws(NodeError) {
        let others =
            bounds.administrationConnections + 2 * RuntimeLimits.strangersPerListener
            + RuntimeLimits.peerStrangers + RuntimeLimits.otherOpenFiles
        guard bounds.connections > allowed - others else { return }
        throw NodeError(
            .configuration,
            "limit.connections is \(bounds.connections), and \(others) more files may be open beside; "
                + "this process may open \(allowed). Raise its limit (`ulimit -n`, LimitNOFILE= of "
                + "the service), or set limit.connections to at most \(max(0, allowed - others))"
        )
    }
}
