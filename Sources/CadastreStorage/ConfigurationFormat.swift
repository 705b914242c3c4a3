internal import RaftCore

// The content of a configuration entry, byte by byte; little-endian. Also at the start of a log
// (LogStartFormat.swift).
//
//  offset width
//       0     4  feature level
//       4     2  number of members: 1…16
//       6     2  number of outgoing voters: 0…16; 0 when not joint
//       8        members, ascending by id:
//                  8  node, 1 or more
//                 16  incarnation: upper half, lower half
//                  1  role: 1 voter, 2 learner, 3 witness
//                  1  reserved: 0
//                  2  size of the site, at most 255
//                  2  size of the address for peers, at most 255
//                  2  size of the address for clients, at most 255
//                  2  size of the address for operators, at most 255
//                     the four texts, UTF-8, in this order
//                outgoing voters, ascending: 8 bytes each
//                the policy; nothing where it asks for nothing, as in the bytes of before there
//                were policies, whose readers refuse what follows the voters:
//                  1  version of the policy: 1
//                  1  flags: bit 0 the loss of any one site leaves a quorum; the others 0
//                  1  number of allowed countries: 0…64
//                  1  number of preferred leader sites: 0…16
//                     allowed countries, ascending: 2 bytes each
//                     preferred leader sites, the most wanted first: 1 byte of size, UTF-8
enum ConfigurationFormat {
    static let headerSize = 8
    static let memberHeaderSize = 34
    static let maximumTextSize = 255

    /// How many bytes a configuration takes.
    static func size(of configuration: Configuration) -> Int {
        let policy = PolicyFormat.encode(configuration.policy).count
        return configuration.members.reduce(
            headerSize + 8 * configuration.outgoing.count + policy
        ) {
            $0 + memberHeaderSize + $1.site.utf8.count + $1.peerAddress.utf8.count
                + $1.clientAddress.utf8.count + $1.administrationAddress.utf8.count
        }
    }

    /// The bytes of a configuration.
    ///
    /// Traps on one that no door should have let in.
    static func encode(_ configuration: Configuration) -> [UInt8] {
        precondition(configuration.members.count <= Limits.maximumMembers, "too many members")
        precondition(configuration.outgoing.count <= Limits.maximumMembers, "too many voters")
        var bytes: [UInt8] = []
        bytes.append(littleEndian: configuration.featureLevel)
        bytes.append(littleEndian: UInt16(configuration.members.count))
        bytes.append(littleEndian: UInt16(configuration.outgoing.count))
        for member in configuration.members {
            bytes.append(littleEndian: member.id.value)
            bytes.append(littleEndian: member.incarnation.high)
            bytes.append(littleEndian: member.incarnation.low)
            bytes.append(member.role.rawValue)
            bytes.append(0)
            let texts = [
                member.site, member.peerAddress, member.clientAddress,
                member.administrationAddress,
            ]
            for text in texts {
                precondition(text.utf8.count <= maximumTextSize, "a text of a member is too long")
                bytes.append(littleEndian: UInt16(text.utf8.count))
            }
            for text in texts { bytes.append(contentsOf: text.utf8) }
        }
        for voter in configuration.outgoing { bytes.append(littleEndian: voter.value) }
        return bytes + PolicyFormat.encode(configuration.policy)
    }

    /// The configuration that these bytes are, and no others.
    /// - Throws: `malformedEntry` for anything that `encode` would not have made.
    static func decode(_ bytes: ArraySlice<UInt8>) throws(StorageError) -> Configuration {
        var reader = Reader(bytes: Array(bytes))
        let featureLevel = try reader.read(UInt32.self)
        let memberCount = Int(try reader.read(UInt16.self))
        let outgoingCount = Int(try reader.read(UInt16.self))
        guard (1...Limits.maximumMembers).contains(memberCount),
            outgoingCount <= Limits.maximumMembers
        else { throw .malformedEntry(reason: "a configuration of \(memberCount) members") }
        var members: [Member] = []
        for _ in 0..<memberCount {
            let member = try reader.readMember()
            guard member.id > (members.last?.id ?? .none) else {
                throw .malformedEntry(reason: "members are not in the order of their ids")
            }
            members.append(member)
        }
        var outgoing: [NodeID] = []
        for _ in 0..<outgoingCount {
            let voter = NodeID(try reader.read(UInt64.self))
            guard voter > (outgoing.last ?? .none) else {
                throw .malformedEntry(reason: "outgoing voters are not in the order of their ids")
            }
            outgoing.append(voter)
        }
        let policy = try PolicyFormat.decode(reader.rest)
        guard members.contains(where: { $0.role == .voter }) else {
            throw .malformedEntry(reason: "a configuration without a voter")
        }
        let result = Configuration(
            members: members,
            outgoing: outgoing,
            featureLevel: featureLevel,
            policy: policy
        )
        guard result.hasOneWitnessAtMost else {
            throw .malformedEntry(reason: "a configuration with two witnesses")
        }
        return result
    }

    private struct Reader {
        let bytes: [UInt8]
        private var offset = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        var rest: ArraySlice<UInt8> { bytes[offset...] }

        mutating func read<Number: FixedWidthInteger>(
            _ type: Number.Type
        ) throws(StorageError) -> Number {
            let size = MemoryLayout<Number>.size
            guard bytes.count - offset >= size else {
                throw .malformedEntry(reason: "the configuration ends too early")
            }
            defer { offset += size }
            return bytes.load(type, at: offset)
        }

        mutating func readText(size: UInt16) throws(StorageError) -> String {
            guard size <= maximumTextSize, bytes.count - offset >= Int(size) else {
                throw .malformedEntry(reason: "a text of a member is too long")
            }
            defer { offset += Int(size) }
            guard let text = String(validating: bytes[offset..<offset + Int(size)], as: UTF8.self)
            else { throw .malformedEntry(reason: "a text of a member is not UTF-8") }
            return text
        }

        mutating func readMember() throws(StorageError) -> Member {
            let id = NodeID(try read(UInt64.self))
            let high = try read(UInt64.self)
            let low = try read(UInt64.self)
            guard let role = MemberRole(rawValue: try read(UInt8.self)),
                try read(UInt8.self) == 0
            else { throw .malformedEntry(reason: "a member has an unknown role") }
            let sizes = (
                try read(UInt16.self), try read(UInt16.self), try read(UInt16.self),
                try read(UInt16.self)
            )
            return Member(
                id: id,
                incarnation: Incarnation(high: high, low: low),
                role: role,
                site: try readText(size: sizes.0),
                peerAddress: try readText(size: sizes.1),
                clientAddress: try readText(size: sizes.2),
                administrationAddress: try readText(size: sizes.3)
            )
        }
    }
}
