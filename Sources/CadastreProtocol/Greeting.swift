package import RaftCore

/// The first words of both ends of a connection: fixed layout, 96 bytes, little-endian.
///
/// The acceptor sends its own as soon as the TLS handshake is done, the other end likewise; each
/// checks what it gets before it reads anything else.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 8 | magic, `CADASTRE` |
/// | 8 | 2 | lowest protocol version |
/// | 10 | 2 | highest protocol version |
/// | 12 | 4 | feature level |
/// | 16 | 16 | cluster (high, low); zero: a client that does not know it |
/// | 32 | 8 | node; zero: a client |
/// | 40 | 16 | incarnation (high, low); zero: a client |
/// | 56 | 1 | purpose: 1 consensus, 2 bulk, 3 client, 4 administration |
/// | 57 | 39 | reserved, 0 |
package struct Greeting: Hashable, Sendable {
    /// Bytes of the layout.
    package static let size = 96

    /// What a connection is for.
    package enum Purpose: UInt8, Hashable, Sendable, CaseIterable {
        /// Between nodes, small and urgent: votes, heartbeats, entries.
        case consensus = 1
        /// Between nodes, large: snapshots, catching up.
        case bulk = 2
        /// From a client.
        case client = 3
        /// From an operator.
        case administration = 4
    }

    /// The lowest protocol version that the end speaks.
    package var lowestVersion: UInt16
    /// The highest.
    package var highestVersion: UInt16
    /// The feature level of its build.
    package var featureLevel: UInt32
    /// Its cluster; nil from a client that does not know it.
    package var cluster: ClusterID?
    /// Which node it is; ``NodeID/none`` from a client.
    package var node: NodeID
    /// Which life of the node; nil from a client.
    package var incarnation: Incarnation?
    /// What the connection is for.
    package var purpose: Purpose

    /// Composes a greeting of this build.
    package init(
        cluster: ClusterID?,
        node: NodeID,
        incarnation: Incarnation?,
        purpose: Purpose,
        lowestVersion: UInt16 = ProtocolVersion.lowest,
        highestVersion: UInt16 = ProtocolVersion.highest,
        featureLevel: UInt32 = FeatureLevel.current
    ) {
        self.lowestVersion = lowestVersion
        self.highestVersion = highestVersion
        self.featureLevel = featureLevel
        self.cluster = cluster
        self.node = node
        self.incarnation = incarnation
        self.purpose = purpose
    }

    /// The 96 bytes.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.size)
        bytes.append(contentsOf: Self.magic)
        bytes.append(littleEndian: lowestVersion)
        bytes.append(littleEndian: highestVersion)
        bytes.append(littleEndian: featureLevel)
        bytes.append(littleEndian: cluster?.high ?? 0)
        bytes.append(littleEndian: cluster?.low ?? 0)
        bytes.append(littleEndian: node.value)
        bytes.append(littleEndian: incarnation?.high ?? 0)
        bytes.append(littleEndian: incarnation?.low ?? 0)
        bytes.append(purpose.rawValue)
        bytes.append(zeros: 39)
        return bytes
    }

    /// Reads exactly 96 bytes.
    ///
    /// - Throws: `malformed`, or `notSupported` for a purpose that this version does not know.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        guard bytes.count == Self.size else { throw .malformed("a greeting has 96 bytes") }
        for (offset, byte) in Self.magic.enumerated() where bytes[offset] != byte {
            throw .malformed("the other end does not speak this protocol")
        }
        let lowest: UInt16 = bytes.littleEndian(at: 8)
        let highest: UInt16 = bytes.littleEndian(at: 10)
        guard lowest >= 1, lowest <= highest else {
            throw .malformed("the range of versions in the greeting is empty")
        }
        guard let purpose = Purpose(rawValue: bytes[56]) else {
            throw ProtocolError(.notSupported, "the purpose of the connection is not known")
        }
        // Reserved bytes are for newer versions of the greeting to fill, and are not looked at.
        let cluster = ClusterID(high: bytes.littleEndian(at: 16), low: bytes.littleEndian(at: 24))
        let incarnation = Incarnation(
            high: bytes.littleEndian(at: 40),
            low: bytes.littleEndian(at: 48)
        )
        self.init(
            cluster: cluster == ClusterID(high: 0, low: 0) ? nil : cluster,
            node: NodeID(bytes.littleEndian(at: 32)),
            incarnation: incarnation == Incarnation(high: 0, low: 0) ? nil : incarnation,
            purpose: purpose,
            lowestVersion: lowest,
            highestVersion: highest,
            featureLevel: bytes.littleEndian(at: 12)
        )
    }

    /// Reads exactly 96 bytes.
    ///
    /// - Throws: as ``init(decoding:)-(Span<UInt8>)``.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        try self.init(decoding: bytes.span)
    }

    /// The version that both ends speak.
    ///
    /// - Throws: `notSupported` where there is none.
    package func commonVersion(with other: Greeting) throws(ProtocolError) -> UInt16 {
        let version = min(highestVersion, other.highestVersion)
        guard version >= max(lowestVersion, other.lowestVersion) else {
            throw ProtocolError(
                .notSupported,
                "the ends speak versions \(lowestVersion) to \(highestVersion) and "
                    + "\(other.lowestVersion) to \(other.highestVersion)"
            )
        }
        return version
    }

    private static let magic: [UInt8] = Array("CADASTRE".utf8)
}
