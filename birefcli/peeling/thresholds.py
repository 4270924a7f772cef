"""Every number that tunes the peel, step by step: its unit, and what a smaller or larger one does.

Lengths are pixels of the picture as it is peeled (pixel art: of its own grid). Levels are steps of
an 8-bit channel, 0…255. Likeness is the Bhattacharyya coefficient of two colour histograms, 0…1.
Limits that a manifest records and a resumed stack recalls are fields of `PeelSettings`.
"""

from dataclasses import dataclass

# --- Mattes and alpha, in every step ---

# Matte above which a pixel is its owner's. Half: what shows more of it than of anything else.
SUPPORT = 0.5
# The same of an 8-bit alpha.
HALF_ALPHA = 127
# Alpha from which nothing of what lies behind can be told, so that it is invented by a fill; 0.9.
# Larger: faint remains of the layer are taken for the background and stay as a ghost.
CORE_ALPHA = 230
# Alphas from and up to which a soft value is a network's noise; a wider range loses fine hair.
OPAQUE_ALPHA, CLEAR_ALPHA = 252, 1

# --- Kind detection ---

# Compression blurs equal colours: a median of this side in pixels, and steps of so many levels,
# make them equal again in pictures stored with loss.
JPEG_MEDIAN, JPEG_STEP = 3, 4
# Flat art: share of pixels like all their neighbours, or on an even gradient. Of photographs the
# second is a third at the most, as their grain bends everywhere.
FLAT_EVEN, FLAT_GRADIENT = 0.5, 0.7
# Levels by which an even gradient may bend: rounding alone does 1.
GRADIENT_BEND = 1
# Flat art too: so many colours, of 5 bits a channel, cover such a share of the picture.
FLAT_COLORS, FLAT_COLORS_SHARE = 16, 0.9

# --- Proposals ---

# Pixels of the longer side to which small pixel art is enlarged by a whole factor. Networks that
# are trained on pictures of 512 and more do not see what is smaller.
SEGMENTER_SIDE = 512
# Pixels of the longer side that regions are looked for at. Time grows with the square; smaller
# loses thin objects.
REGION_SIDE = 192
# Likeness to a region at the frame above which a region is backdrop. Smaller: an object in the
# backdrop's tones is missed; larger: stripes become objects.
BACKDROP_LIKENESS = 0.9
# Levels between neighbours of an even colour, and the share of a backdrop that must be even before
# colours alone propose anything: of a rough one, grain would.
EVEN_STEP, EVEN_BACKDROP = 3, 0.5
# An occluder nobody proposed: least score of its outline against an object's, least share of its
# hull that it fills, and likeness to the frame from which it is ground. With a lower score or
# solidity, or a higher likeness, textures of the ground become layers.
OCCLUDER_SCORE, OCCLUDER_SOLIDITY, OCCLUDER_GROUND = 0.8, 0.8, 0.5

# --- Acceptance ---

# Pixels that an instance has at least, in photographs and flat art, and in pixel art, where an item
# of 4 x 3 is drawn on purpose.
LEAST_PIXELS, LEAST_ART_PIXELS = 64, 12
# Sides of the frame that a backdrop runs along; an object cut off by a corner touches two.
BACKDROP_SIDES = 3
# Share of the picture's shorter side around what was taken off, in which new finds are remains.
REMAINS_REACH = 0.02
# Matte between which a pixel is soft; and the mean matte from which softness is no doubt, as a
# small instance is all edge.
SOFT_FROM, SOFT_TO = 0.1, 0.9
SURE_CONFIDENCE = 0.9

# --- Instances: regions of one look ---

# Felzenszwalb and Huttenlocher, "Efficient Graph-Based Image Segmentation", 2004: how much more a
# small region tolerates, in levels times pixels. Larger makes fewer and larger regions.
REGION_TOLERANCE = 300.0
# Share of the mask, and pixels, that a region has at least; smaller ones join a neighbour.
REGION_SHARE, REGION_PIXELS = 0.003, 8
# Neighbours are merged where their likeness, less this for every level of their border, is above
# the limit. A larger limit leaves more regions for the borders to judge.
MERGE_LIKENESS, MERGE_PER_LEVEL = 0.35, 0.004
# Share of the mask below which a region is tiny, and what that adds to its likeness.
TINY_REGION, TINY_BONUS = 0.02, 0.6
# Bins of a channel in a colour histogram, of 32 levels each: more bins tell shades of one object
# apart, fewer take different colours for one.
COLOR_BINS = 8

# --- Instances: what a border says ---


@dataclass(frozen=True)
class BorderWeights:
    """Log odds that a border parts two objects, by what is seen at it.

    A logistic regression over borders inside one object, and between two, in composed scenes of
    cut-outs, sprites and drawn shapes; fields are those of `RegionBorder`.
    """

    intercept: float = -4.5
    enclosed: float = -3.4
    corner: float = -7.5
    straight: float = 0.5
    chroma: float = -3.0
    repeated: float = -1.1
    variety: float = 0.55
    edge: float = 0.25
    contrast: float = 0.85
    symmetry: float = -2.4
    solidity: float = 3.4
    depth: float = 2.0  # where the step in depth is above DEPTH_STEP


BORDER_WEIGHTS = BorderWeights()
# Share of the depth's spread between quartiles, from which a step in it counts.
DEPTH_STEP = 0.15
# Log of the steps across a border over those inside, below which it is no border at all, as in
# noise; and the log odds that such a one gets.
LEAST_EDGE, NO_EDGE_EVIDENCE = 0.03, -9.0
# What a border without ends counts as: half of what a corner can be; and without clear branches at
# its ends: neither straight nor bent.
NO_CORNER, NO_BRANCH = 0.25, 0.0
# Log odds from which a border is a candidate, and that all candidates of one matte reach together
# before any is believed: one border looks real by chance, several do not.
CANDIDATE_EVIDENCE, ENOUGH_EVIDENCE = -1.0, 1.0
# Log odds that a drawn outline adds to every border beside it.
DRAWN_LINE_EVIDENCE = 1.5
# Radius of the disk at a border's ends: times the side of the smaller region, at least and at most.
CORNER_DISK, CORNER_DISK_LEAST, CORNER_DISK_MOST = 0.3, 4, 10
# Bins of a chroma channel in Lab, their width in levels, and what moves grey (128) to the middle of
# its bin, so that grain does not spread it over two.
CHROMA_BINS, CHROMA_WIDTH, CHROMA_SHIFT = 27, 10, 7

# --- Instances: splitting a matte ---

# Share of a connected part that an object of its own has; a stem or a handle has less.
LEAST_PART = 0.015
# Share of the least area from which a fragment may still join the object it broke off from.
FRAGMENT_SHARE = 0.25
# Pixels of a gap that broke one object, and likeness of its parts. Wider gaps join neighbours.
BROKEN_GAP, SAME_LIKENESS = 2, 0.9
# Sum of three channels in levels, up to which the darkest colour of pixel art draws outlines.
DARK_OUTLINE = 150

# --- Instances: what is covered ---

# Mean of the front matte up to which a side counts as left out, and how far that matte falls in one
# step where the covered side begins. Doubt of a network fades instead of falling.
COVERED_MEAN, COVERED_STEP = 0.4, 0.5
# Share of a connected part that each side has at least.
COVERED_SHARE = 0.05
# Pixels of the longer side that large pictures are looked at in; networks see no more.
COVERED_SIDE = 1280
# Share of the picture's longer side: thinner strips are how two mattes differ at edges.
COVERED_STRIP = 0.01

# --- Order: what outlines say ---

# Pixels from a T-junction at which its branches are read: nearer they run into one another, and
# farther they bend; where masks are off by 3, 9 was measured to be right more often than 15. The
# far end is of pictures with such a shorter side, scaled with it between limits.
JUNCTION_NEAR, JUNCTION_FAR = 2.0, 9.0
JUNCTION_FAR_LEAST, JUNCTION_FAR_MOST = 6.0, 15.0
REFERENCE_SIDE = 400
# Pixels that a branch has at least to have a direction.
LEAST_BRANCH = 3
# Most that all junctions of a pair say together: above 1 they outvote hulls.
JUNCTION_LIMIT = 1.5
# Pixels between which the disparity beside a shared border is compared: not the blurred edge
# itself, nor the far side of an object.
DEPTH_BAND = 3.0, 8.0
# Score of outlines below which depth is asked too: outlines are right more often.
DEPTH_BELOW = 0.5
# How much the front matte counts beside outlines: what a network sees plainly outweighs them.
FRONT_WEIGHT = 3.0
# Pixels from the shared border, beyond the matte's own blur, and times a branch's length, between
# which the front matte is compared.
FRONT_BAND_NEAR, FRONT_BAND_REACHES = 2.0, 2.0
# Mean of the front matte from which an instance is held for uncovered.
UNCOVERED_MEAN = 0.5

# --- Order: priority among what nothing covers ---


@dataclass(frozen=True)
class PriorityWeights:
    """What ranks 0…1 count, to sum up to 1; a wrong choice here makes no wrong stack."""

    near: float = 0.0  # by median disparity
    contact: float = 0.0  # by the lowest row: what stands nearer stands lower
    large: float = 0.0
    small: float = 0.0
    low: float = 0.0  # by the mean row
    sharp: float = 0.0  # by the step of brightness at the outline


PHOTO_PRIORITY = PriorityWeights(contact=0.5, large=0.3, sharp=0.2)
PHOTO_DEPTH_PRIORITY = PriorityWeights(near=0.5, contact=0.25, large=0.15, sharp=0.1)
# In composed art where something stands tells nothing; small things lie on large ones.
DRAWN_PRIORITY = PriorityWeights(small=0.6, low=0.4)

# --- Alpha ---

# Matte above which a pixel is looked at, pixels around an instance that tell what it lies on, and
# the area in pixels below which a part is a speck.
ALPHA_FROM, ALPHA_MARGIN, SPECK = 0.004, 48, 9
# Flat art: pixels on both sides of an outline that antialiasing may have mixed; levels that a mix
# may differ from what is seen; levels between two colours from which their mix can be told.
RIM_WIDTH, RIM_RESIDUE, RIM_CONTRAST = 2, 6.0, 16.0
# Flat art: colours whose cells are looked at, the commonest first; and the share of the instance
# from which a cell is too large to be moved as one.
MOST_CELL_COLORS, LARGE_CELL = 48, 0.25
# Photographs: pixels on both sides of an outline that are solved again, by how soft the matte is.
BAND_LEAST, BAND_MOST = 4, 16
# Matte between which a network has not decided, wherever that is.
UNDECIDED = 0.2, 0.8
# Sides of the medians after the first and the second solve, which rid it of stray pixels.
MEDIAN_SIDES = 5, 3
# Shares of the instance that are tried, from 0 to 1: steps of an eighth; time grows with them.
SHARES_TRIED = 9
# Levels that two pixels of one colour differ by.
COLOR_NOISE = 6.0
# Costs, in log likelihood: of being mixed rather than of one side; of a matte that is off by 1; and
# the most that colours count, so that a colour of neither side decides nothing.
MIXED_COST, MATTE_COST, MOST_COLOR_COST = 1.0, 5.0, 4.0
# Pixels around one, whose colours tell what is usual there.
LOCAL_REACH = 8
# Windows by how many times that reach, and what each counts: wide ones speak only where the near
# ones are empty.
LOCAL_WINDOWS = ((1, 1.0), (4, 1e-2), (32, 1e-6))

# --- Lift: the hole ---

# Pixels around a layer from which nothing is copied, at least. Measured on synthetic scenes: each
# pixel too many costs 0.06 levels of error, an edge left out up to 13. Files stored with loss smear
# edges farther; pixel art has none.
HOLE_MARGIN_PHOTO, HOLE_MARGIN_FLAT, HOLE_MARGIN_PIXEL, HOLE_MARGIN_JPEG = 2, 1, 0, 4
# Share of the picture's shorter side that this margin is at most.
HOLE_MARGIN_SHARE = 0.0075
# How the edge is measured: normals of the outline, pixels along each, the blur in pixels that makes
# them smooth, and levels from which a step is an edge.
EDGE_NORMALS, EDGE_REACH, EDGE_BLUR, EDGE_STEP = 64, 8, 2, 20
# The 10-90 % rise of a Gaussian edge is 2.56 standard deviations; the margin is 1.3 of them and 1.
EDGE_RISE_FROM, EDGE_RISE_TO, EDGE_SIGMAS, MARGIN_SIGMAS = 0.1, 0.9, 2.56, 1.3
# Pixels around a layer that the inpainter sees, at least and at most; in between half its side.
CONTEXT_LEAST, CONTEXT_MOST = 64, 256
# Standard deviations of the ground by which it may differ from its fill behind a soft edge, and by
# which a pixel beside a layer must differ from it to be the layer's.
GROUND_GRAIN, FOREIGN_PIXEL = 2.0, 4.0
# Pixels of the square around what is not opaque in the input, in which alpha is hard.
CLEAR_EDGE = 7
# By how much alpha falls short of the matte before the rest of a pixel has no owner; and the least
# share of a pixel that a soft edge, now gone, left to see, which the mattes below are divided by.
UNOWNED_REST, LEAST_UNCOVERED = 0.1, 0.1

# --- Lift: both colours of soft pixels ---

# Pixels around a layer that take part.
SOLVE_MARGIN = 32
# Matte above and below which a colour speaks for one side alone, where the solve begins.
SOLID_MATTE, CLEAR_MATTE = 0.9, 0.1
# Pixels of a side up to which a level is cheap, and sweeps at such levels and above.
SMALL_LEVEL, SMALL_SWEEPS, SWEEPS = 32, 10, 12
# How much neighbours count where the matte does not change at all: enough to spread colours.
LEAST_NEIGHBOUR_WEIGHT = 1e-5
# Share from which a pixel shows one side alone: one level of alpha.
ONE_SIDED = 0.996
# Pixels around soft ones that are solved with them.
SOLVE_BAND = 2
# Rounds of the projection onto the picture; clipping undoes a part of each.
PROJECTIONS = 6

# --- Lift: shapes behind what covers them ---

# Pixels along an outline that tell where it is heading, in pictures of the reference side; at most.
HEADING_REACH, HEADING_REACH_MOST = 9.0, 30.0
# Pixels nearest to an end that tell nothing yet, pixels that must be left, and how far they must
# agree: the length of their mean direction.
HEADING_NEAR, HEADING_PIXELS, HEADING_AGREEMENT = 1.5, 4, 0.5
# Share of the shorter side that a gap between a hole and an object is narrow up to.
NARROW_GAP = 0.004
# Share of a curve that may lie on what is seen of the object.
MOST_CROSSED = 0.1
# Pull of each end on the curve between two, as a share of their distance: rounder if larger.
CURVE_PULL = 0.6
# Points of a curve, and those at both ends that lie on the object anyway.
CURVE_POINTS, CURVE_ENDS = 65, 4
# What a pixel of distance costs beside the turn of a pair of ends, which is 0…4.
DISTANCE_COST = 0.01
# Ends of one outline at one hole that are paired; of more, pairings are too many to try.
MOST_ENDS = 6

# --- Assembly and editing ---

# What networks and fills see where a picture is transparent: mid-grey, in levels.
TRANSPARENT_GREY = 128
# Layers that a stack has at most.
MOST_LAYERS = 255
