internal import RaftCore

/// The policy at the end of a configuration; its bytes are described in ConfigurationFormat.swift.
enum PolicyFormat {
    private static let version: UInt8 = 1
    private static let headerSize = 4
    private static let countrySize = 2

    /// The bytes of a policy; none of one that asks for nothing.
    ///
    /// Traps on one that no door should have let in.
    static func encode(_ policy: Policy) -> [UInt8] {
        if policy == Policy() { return [] }
        precondition(policy.fault == nil, "a policy that cannot be in force")
        var bytes = [
            version, policy.survivesOneSite ? 1 : 0, UInt8(policy.allowedCountries.count),
            UInt8(policy.preferredLeaders.count),
        ]
        for country in policy.allowedCountries { bytes.append(contentsOf: country.utf8) }
        for site in policy.preferredLeaders {
            bytes.append(UInt8(site.utf8.count))
            bytes.append(contentsOf: site.utf8)
        }
        return bytes
    }

    /// The policy that these bytes are, and no others.
    ///
    /// - Throws: `malformedEntry` for anything that `encode` would not have made.
    static func decode(_ bytes: ArraySlice<UInt8>) throws(StorageError) -> Policy {
        if bytes.isEmpty { return Policy() }
        let header = Array(bytes.prefix(headerSize))
        guard header.count == headerSize, header[0] == version, header[1] <= 1 else {
            throw .malformedEntry(
                reason: "what follows the members is no policy of version \(version)"
            )
        }
        var rest = bytes.dropFirst(headerSize)
        var policy = Policy(survivesOneSite: header[1] == 1)
        for _ in 0..<header[2] {
            policy.allowedCountries.append(try text(countrySize, from: &rest))
        }
        for _ in 0..<header[3] {
            guard let size = rest.popFirst() else {
                throw .malformedEntry(reason: "the policy ends too early")
            }
            policy.preferredLeaders.append(try text(Int(size), from: &rest))
        }
        if let fault = policy.fault {
            throw .malformedEntry(reason: "the policy cannot be in force: \(fault)")
        }
        guard rest.isEmpty, policy != Policy() else {
            throw .malformedEntry(reason: "bytes follow the configuration")
        }
        return policy
    }

    private static func text(
        _ size: Int,
        from rest: inout ArraySlice<UInt8>
    ) throws(StorageError) -> String {
        guard rest.count >= size, let text = String(validating: rest.prefix(size), as: UTF8.self)
        else { throw .malformedEntry(reason: "a text of the policy is cut or not UTF-8") }
        rest.removeFirst(size)
        return text
    }
}
