//! ModernBERT (Warner and others, 2024): rotary positions, a window in most layers, gated
//! feed-forward parts, norms in front.

use super::Names;
use crate::embedding::bert::config::{
    Biases, Config, Keys, MOST_POSITIONS, Positions, nonlinearity,
};
use crate::embedding::fields::Fields;
use crate::error::Result;
use serde_json::{Value, json};

const NAMES: Names = Names {
    prefixes: &["", "model."],
    words: "embeddings.tok_embeddings",
    positions: "",
    types: "",
    norm: "embeddings.norm",
    layers: "layers.",
    qkv: &["attn.Wqkv"],
    after_attention: "attn.Wo",
    attention_norm: "attn_norm",
    widen: &["mlp.Wi"],
    narrow: "mlp.Wo",
    output_norm: "mlp_norm",
    relative: "",
    final_norm: "final_norm",
};

pub(super) fn read(fields: &Fields<'_>) -> Result<Config> {
    fields.none_of(&["rope_scaling"])?;
    let mut config = Config::sizes(fields, &NAMES, Keys::USUAL)?;
    config.layer_norm_eps = Config::eps(fields, "norm_eps", 1e-5)?;
    config.activation = nonlinearity(fields, "hidden_activation", "gelu")?;
    config.gated = true;
    config.norm_first = true;
    let (attention, mlp) = (
        fields.flag("attention_bias", false)?,
        fields.flag("mlp_bias", false)?,
    );
    config.biases = Biases {
        attention,
        widen: mlp,
        narrow: mlp,
        norms: fields.flag("norm_bias", false)?,
    };
    config.window = fields.size_or("local_attention", MOST_POSITIONS, 128)? / 2;
    config.local = local_layers(fields, config.num_hidden_layers)?;
    config.positions = angles(fields)?;
    Ok(config)
}

/// One kind for each layer, as written today, or how often a layer sees everything, as before.
fn local_layers(fields: &Fields<'_>, layers: usize) -> Result<Vec<bool>> {
    let Some(kinds) = fields.get("layer_types") else {
        let every = fields.size_or("global_attn_every_n_layers", 1 << 10, 3)?;
        return Ok((0..layers).map(|layer| layer % every != 0).collect());
    };
    let kinds = kinds.as_array().map_or(&[][..], Vec::as_slice);
    if kinds.len() != layers {
        let wanted = format!("a list of {layers} kinds, one for each layer");
        return fields.invalid("layer_types", &wanted, kinds.len());
    }
    let local = |kind: &Value| match kind.as_str() {
        Some("sliding_attention") => Ok(true),
        Some("full_attention") => Ok(false),
        _ => Err(fields.unsupported(
            "a kind in layer_types",
            kind,
            "sliding_attention and full_attention",
        )),
    };
    kinds.iter().map(local).collect()
}

fn angles(fields: &Fields<'_>) -> Result<Positions> {
    let theta = fields.between("global_rope_theta", 1.0, 1e12, 160_000.0)?;
    // Written out as null, the layers with a window share the base of the others.
    let shared = fields.mentions("local_rope_theta") && fields.get("local_rope_theta").is_none();
    let local = if shared { theta } else { 10_000.0 };
    let local_theta = fields.between("local_rope_theta", 1.0, 1e12, local)?;
    let mut both = [theta, local_theta];
    if let Some(parameters) = fields.part("rope_parameters")? {
        for (kind, theta) in ["full_attention", "sliding_attention"]
            .iter()
            .zip(&mut both)
        {
            if let Some(own) = parameters.part(kind)? {
                own.only(&[("rope_type", json!("default"))])?;
                own.none_of(&["factor"])?;
                *theta = own.between("rope_theta", 1.0, 1e12, *theta)?;
            }
        }
    }
    let [theta, local_theta] = both;
    Ok(Positions::Rotary { theta, local_theta })
}
