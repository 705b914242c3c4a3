internal import Glibc

/// A read or write that the system may do in parts.
enum Transfer {
    /// Repeats a call until `count` bytes are done, the end is reached, or it fails.
    ///
    /// - Parameters:
    ///   - count: Bytes wanted.
    ///   - call: Does what follows the bytes done; returns how many more are done, 0 at the end, or -1
    ///     with `errno` set. Made again when a signal came in between.
    /// - Returns: The bytes done, and the `errno` of a call that failed, or 0.
    static func whole(_ count: Int, _ call: (_ done: Int) -> Int) -> (done: Int, code: Int32) {
        var done = 0
        while done < count {
            let more = call(done)
            if more == 0 { break }
            if more > 0 {
                done += more
                continue
            }
            let code = errno
            if code != EINTR { return (done, code) }
        }
        return (done, 0)
    }
}
