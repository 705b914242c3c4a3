internal import NIOCore

/// One thing that a node's operator may choose: its key, kind, default and meaning.
///
/// The table of all settings is ``Settings/table``; the help, the README's table, the checks and
/// the reading all come from it.
package struct Setting: Hashable, Sendable {
    /// What values a setting takes.
    package enum Kind: Hashable, Sendable {
        /// A whole number of some unit.
        case integer(ClosedRange<Int>, unit: String)
        /// A path of a file or folder; relative ones begin at the configuration file's folder.
        case path
        /// Paths of files: an array in a file, separated by commas elsewhere.
        case paths
        /// Where to listen: `host:port`; the port is 0…65535, and 0 lets the kernel choose.
        case address
        /// An address of this machine: numbers, without a port.
        case host
        /// One of these words.
        case choice([String])
    }

    /// Whether a node can start without it.
    package enum Presence: Hashable, Sendable {
        /// It must be given.
        case required
        /// Absent means something of its own, which the help says.
        case optional
        /// Absent means this.
        case byDefault(String)
    }

    /// Its place in the file, dots between the names of objects.
    package let key: String
    /// What values it takes.
    package let kind: Kind
    /// Whether a node can start without it.
    package let presence: Presence
    /// What it does, in one sentence.
    package let help: String

    /// Its name in the environment.
    package var environmentName: String {
        Self.environmentPrefix
            + key.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
    }

    /// What all names in the environment begin with.
    static let environmentPrefix = "CADASTRE_"

    /// The values it takes, for people.
    package var range: String {
        switch kind {
        case .integer(let range, let unit): "\(range.lowerBound)…\(range.upperBound) \(unit)"
        case .path: "path"
        case .paths: "paths"
        case .address: "host:port"
        case .host: "address"
        case .choice(let words): words.joined(separator: " \u{b7} ")
        }
    }

    /// What absence means, for people.
    package var defaultText: String {
        switch presence {
        case .required: "(required)"
        case .optional: "(none)"
        case .byDefault(let value): value
        }
    }

    /// Why a text cannot be the value of this setting; nil if it can.
    func mistake(in text: String) -> String? {
        if text.utf8.contains(0) { return "holds a NUL" }
        switch kind {
        case .integer(let range, let unit):
            guard let value = Int(text), String(value) == text else {
                return "\"\(text)\" is not a whole number; give \(self.range)"
            }
            guard range.contains(value) else {
                return "\(value) \(unit) is out of range; give \(self.range)"
            }
        case .path:
            if text.isEmpty { return "is empty; give a path" }
        case .paths:
            if text.isEmpty
                || text.split(separator: ",", omittingEmptySubsequences: false)
                    .contains(where: \.isEmpty)
            {
                return "holds an empty path"
            }
        case .address:
            guard SocketName(text) != nil else {
                return "\"\(text)\" is not host:port; give an address such as 127.0.0.1:7001"
            }
        case .host:
            // Why it is none does not matter.
            guard (try? SocketAddress(ipAddress: text, port: 0)) != nil else {
                return "\"\(text)\" is no IP address; give one of this machine, without a port"
            }
        case .choice(let words):
            guard words.contains(text) else {
                return "\"\(text)\" is none of \(words.joined(separator: ", "))"
            }
        }
        return nil
    }
}

/// A host and a port; IPv6 hosts stand in brackets.
package struct SocketName: Hashable, Sendable, CustomStringConvertible {
    /// A name or a number, without brackets.
    package var host: String
    /// The port; 0 where the kernel is to choose.
    package var port: Int

    /// Hosts that mean every address of a machine, for a listener: nobody can dial them.
    static let wildcards = ["", "0.0.0.0", "::"]

    /// Names a host and a port.
    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[host]:port`; nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard let port = Int(digits), String(port) == digits, 0...65_535 ~= port else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
            guard
                host.utf8.allSatisfy({
                    switch $0 {
                    case UInt8(ascii: "a")...UInt8(ascii: "f"),
                        UInt8(ascii: "A")...UInt8(ascii: "F"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: ":"):
                        true
                    default: false
                    }
                })
            else { return nil }
        } else {
            guard
                host.utf8.allSatisfy({
                    switch $0 {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"),
                        UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
                        UInt8(ascii: "_"):
                        true
                    default: false
                    }
                })
            else { return nil }
        }
        guard 1...253 ~= host.utf8.count else { return nil }
        self.init(host: String(host), port: port)
    }

    /// `host:port`, with brackets around an IPv6 host.
    package var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
