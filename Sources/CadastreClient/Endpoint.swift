/// Where a node listens: a host name or address, and a port.
public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    public let host: String
    /// 1…65535.
    public let port: Int

    /// Names an endpoint; nil if the host is empty or the port out of range.
    public init?(host: String, port: Int) {
        guard !host.isEmpty, host.utf8.count <= 255, 1...65_535 ~= port,
            host.utf8.allSatisfy({ 0x21...0x7E ~= $0 })
        else { return nil }
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[address]:port`.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.count <= 5, digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
            let port = Int(digits)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        self.init(host: String(host), port: port)
    }

    /// As it is read.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
