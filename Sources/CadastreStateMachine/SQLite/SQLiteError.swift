/// What SQLite said when it failed.
package struct SQLiteError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was being done, such as "commit".
    package var operation: String
    /// The primary result code, such as 10 for an input/output error.
    package var code: Int32
    /// The extended result code.
    package var extendedCode: Int32
    /// SQLite's own words, or the disk's.
    package var message: String

    /// Describes one failure.
    package init(operation: String, code: Int32, extendedCode: Int32, message: String) {
        self.operation = operation
        self.code = code
        self.extendedCode = extendedCode
        self.message = message
    }

    /// There is no space left: not terminal, service returns when there is.
    package var isDiskFull: Bool { code == 13 }

    /// The file is not what SQLite wrote.
    package var isDamage: Bool { code == 11 || code == 26 }

    /// The disk did not give back what the file held: perhaps a failed sector, which stays so.
    package var isUnreadable: Bool { extendedCode == 10 | 1 << 8 }

    package var description: String {
        "\(operation) failed with SQLite code \(extendedCode): \(message)"
    }
}
