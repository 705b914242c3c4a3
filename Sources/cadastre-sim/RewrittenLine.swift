internal import Glibc

/// A line on standard error that rewrites itself on a terminal; elsewhere each is a line of its own.
struct RewrittenLine {
    /// Somebody looks on.
    let isTerminal = isatty(STDERR_FILENO) == 1

    /// Shows a text in the place of the last one.
    func show(_ text: String) { write(isTerminal ? "\r\u{1B}[K\(text)" : "\(text)\n") }

    /// Takes the last one away, where that can be done.
    func clear() { if isTerminal { write("\r\u{1B}[K") } }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        // A closed standard error is no reason to stop.
        _ = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count)
        }
    }
}
