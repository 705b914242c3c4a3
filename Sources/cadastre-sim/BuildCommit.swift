internal import Foundation

/// Which commit the sources of this program are at, read from the repository that it was built in.
///
/// A seed shows its history only with the code that it ran on.
enum BuildCommit {
    /// The commit, or why there is none.
    static var name: String {
        let root = URL(filePath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let git = root.appending(path: ".git")
        guard let head = text(git.appending(path: "HEAD")) else { return "unknown (no repository)" }
        guard head.hasPrefix("ref: ") else { return head }
        let branch = String(head.dropFirst(5))
        if let commit = text(git.appending(path: branch)) { return commit }
        let packed = text(git.appending(path: "packed-refs")) ?? ""
        let line = packed.split(separator: "\n").first { $0.hasSuffix(" \(branch)") }
        return line.map { String($0.prefix(40)) } ?? "unknown (\(branch))"
    }

    private static func text(_ file: URL) -> String? {
        // Why it cannot be read does not matter: the name is only a help.
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// Seeds that nobody has lived yet.
enum FreshSeeds {
    /// A first seed from the clock: microseconds since 1970, so that a million seeds are a second.
    static var first: UInt64 { UInt64(max(0, Date().timeIntervalSince1970 * 1_000_000)) }
}
